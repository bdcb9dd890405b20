#pragma once

#include <string>
#include <string_view>

namespace wishbone {

/// A text from outside as one line that a terminal cannot take for anything but text: control characters, those that
/// change the direction of what follows, and bytes that are not UTF-8 become `\u001b`, `\xff` and the like.
std::string printable(std::string_view text);

/// Prints `warning: ` and the printable text on standard error.
void warn(std::string_view text);

}  // namespace wishbone
