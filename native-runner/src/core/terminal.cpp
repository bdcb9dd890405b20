#include "core/terminal.h"

#include <cstdint>
#include <cstdio>

namespace wishbone {

namespace {

struct Character {
    std::uint32_t code;
    std::size_t bytes;  ///< 0 where there is no UTF-8
};

/// The character that begins at `text[0]` (RFC 3629: no overlong forms, no surrogates).
Character first_of(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const std::uint32_t lead = byte(0);
    const std::size_t bytes = lead < 0x80       ? 1
                              : lead >> 5 == 6  ? 2
                              : lead >> 4 == 14 ? 3
                              : lead >> 3 == 30 ? 4
                                                : 0;
    if (bytes == 0 || bytes > text.size()) return {lead, 0};
    std::uint32_t code = bytes == 1 ? lead : lead & (0x7fu >> bytes);
    for (std::size_t i = 1; i < bytes; ++i) {
        if (byte(i) >> 6 != 2) return {lead, 0};
        code = code << 6 | (byte(i) & 0x3fu);
    }
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool good = code >= least[bytes] && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return good ? Character{code, bytes} : Character{lead, 0};
}

bool is_unsafe(std::uint32_t code) {
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c || code == 0x200e ||
           code == 0x200f || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string printable(std::string_view text) {
    std::string safe;
    safe.reserve(text.size());
    while (!text.empty()) {
        const Character character = first_of(text);
        const std::size_t bytes = character.bytes == 0 ? 1 : character.bytes;
        if (character.bytes == 0 || is_unsafe(character.code)) {
            char escaped[16];
            std::snprintf(escaped, sizeof escaped, character.bytes == 0 ? "\\x%02x" : "\\u%04x",
                          static_cast<unsigned>(character.code));
            safe += escaped;
        } else {
            safe += text.substr(0, bytes);
        }
        text.remove_prefix(bytes);
    }
    return safe;
}

void warn(std::string_view text) { std::fprintf(stderr, "warning: %s\n", printable(text).c_str()); }

}  // namespace wishbone
