#include "core/pattern/python_pattern.h"

#include <algorithm>

#include "core/error.h"

namespace wishbone {

namespace {

/// So much of a pattern that a message stays one.
std::string shortened(const std::string& text) {
    std::size_t length = std::min<std::size_t>(text.size(), 200);
    // Not within a character of UTF-8.
    while (length < text.size() && (static_cast<unsigned char>(text[length]) >> 6) == 2) --length;
    return text.substr(0, length);
}

pattern::Program program_of(const std::string& text, const std::string& where, const std::string& shown) {
    try {
        return pattern::compile(pattern::parse(text));
    } catch (const pattern::SyntaxError& error) {
        throw bad_input("\"" + shown + "\" is not a regular expression that can be used: " + error.what(),
                        where, "Write it as Python's re reads it, or list the names of the layers.");
    }
}

}  // namespace

PythonPattern::PythonPattern(const std::string& text, std::string where, std::string shown)
    : where_(std::move(where)),
      shown_(shortened(shown.empty() ? text : shown)),
      program_(program_of(text, where_, shown_)) {}

bool PythonPattern::matches(std::string_view name, bool whole) const {
    if (std::ranges::any_of(name, [](char c) { return c < ' ' || c > '~'; }))
        throw bad_input("The name \"" + std::string(name) + "\" is not printable ASCII", where_,
                        "Patterns are for names of such characters alone.");
    const pattern::Outcome outcome = pattern::match(program_, name, whole, pattern_limits::steps);
    if (outcome == pattern::Outcome::too_many_steps)
        throw bad_input(
            "Matching \"" + shown_ + "\" against \"" + std::string(name) + "\" takes too many steps", where_,
            "Write it so that there is one way to match a name: no repetition directly within another.");
    return outcome == pattern::Outcome::matched;
}

}  // namespace wishbone
