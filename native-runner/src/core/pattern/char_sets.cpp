#include "core/pattern/syntax.h"

namespace wishbone::pattern {

namespace {

bool is_lower(char32_t c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char32_t c) { return c >= 'A' && c <= 'Z'; }

template <typename Test>
CharSet all(Test test) {
    CharSet set;
    for (char32_t c = 0; c < set.size(); ++c) set[c] = test(c);
    return set;
}

}  // namespace

CharSet category(char32_t letter) {
    static const CharSet digits = all([](char32_t c) { return c >= '0' && c <= '9'; });
    static const CharSet spaces = all([](char32_t c) { return (c >= 9 && c <= 13) || (c >= 28 && c <= 32); });
    static const CharSet words =
        all([](char32_t c) { return is_lower(c) || is_upper(c) || (c >= '0' && c <= '9') || c == '_'; });
    switch (letter) {
        case 'd':
            return digits;
        case 'D':
            return ~digits;
        case 's':
            return spaces;
        case 'S':
            return ~spaces;
        case 'w':
            return words;
        case 'W':
            return ~words;
        default:
            return {};
    }
}

CharSet range(char32_t low, char32_t high, bool ignores_case) {
    // Some letters of other alphabets are the same as ASCII ones then (the Kelvin sign and k).
    if (ignores_case && high >= 128)
        throw SyntaxError(
            "letters other than ASCII where upper and lower case are the same are not supported");
    CharSet set;
    for (char32_t c = low; c <= high && c < set.size(); ++c) {
        set.set(c);
        if (!ignores_case) continue;
        if (is_lower(c)) set.set(c - 'a' + 'A');
        if (is_upper(c)) set.set(c - 'A' + 'a');
    }
    return set;
}

}  // namespace wishbone::pattern
