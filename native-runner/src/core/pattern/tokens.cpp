#include "core/pattern/tokens.h"

#include <algorithm>

#include "core/pattern/python_pattern.h"
#include "core/pattern/syntax.h"

namespace wishbone::pattern {

namespace {

std::u32string characters(const std::string& text) {
    std::u32string out;
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = static_cast<unsigned char>(text[i++]);
        const int more = byte < 0x80           ? 0
                         : (byte >> 5) == 0x06 ? 1
                         : (byte >> 4) == 0x0e ? 2
                         : (byte >> 3) == 0x1e ? 3
                                               : -1;
        if (more < 0 || i + static_cast<std::size_t>(more) > text.size()) throw SyntaxError("it is no UTF-8");
        char32_t character = more == 0 ? byte : byte & (0x3f >> more);
        for (int k = 0; k < more; ++k) {
            const auto next = static_cast<unsigned char>(text[i++]);
            if ((next >> 6) != 2) throw SyntaxError("it is no UTF-8");
            character = character << 6 | (next & 0x3f);
        }
        out += character;
    }
    return out;
}

}  // namespace

Tokens::Tokens(const std::string& text) {
    if (text.size() > 4 * pattern_limits::length) throw SyntaxError("it is too long");
    const std::u32string all = characters(text);
    if (all.size() > pattern_limits::length) throw SyntaxError("it is too long");
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i] != '\\') {
            tokens_.push_back({all[i], false});
            continue;
        }
        if (++i == all.size()) throw SyntaxError("it ends with a backslash");
        tokens_.push_back({all[i], true});
    }
}

std::string Tokens::take_while(std::string_view allowed, std::size_t most) {
    std::string taken;
    while (taken.size() < most && !at_end() && !next().is_escaped && next().character < 128 &&
           allowed.find(static_cast<char>(next().character)) != std::string_view::npos)
        taken += static_cast<char>(take().character);
    return taken;
}

std::string Tokens::take_until(char32_t terminator) {
    std::string name;
    while (!at_end() && !next().is(terminator)) {
        const Token token = take();
        if (token.is_escaped || token.character >= 128)
            throw SyntaxError("the name of a group has other characters than letters, digits and _");
        name += static_cast<char>(token.character);
    }
    if (at_end() || name.empty()) throw SyntaxError("the name of a group is missing or has no end");
    take();
    return name;
}

}  // namespace wishbone::pattern
