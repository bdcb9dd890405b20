#pragma once

#include <string>
#include <string_view>

#include "core/pattern/program.h"

namespace wishbone {

/// A regular expression as Python 3.11's `re` reads and matches it (https://docs.python.org/3.11/library/re.html), for
/// the names of modules: printable ASCII. Whatever the pattern, a match takes a bounded number of steps and no recursion
/// by the length of the name, and ends with an answer or an error.
///
/// Refused by name instead of being read in another way: the flag x, \N{…}, letters other than ASCII in the names of groups
/// or where upper and lower case are the same, and patterns beyond the limits of `pattern_limits`.
class PythonPattern {
  public:
    /// Throws Error(bad_input) when it is no regular expression of Python's, or one of those that are refused.
    ///
    /// @param text UTF-8
    /// @param where what is named in errors: the file and field that it is from
    /// @param shown what is shown of it there, when that is not the text itself
    PythonPattern(const std::string& text, std::string where, std::string shown = "");

    /// As `re.fullmatch(text, name) is not None`.
    ///
    /// Throws Error(bad_input) when that takes too many steps, or the name is not printable ASCII.
    bool matches_whole(std::string_view name) const { return matches(name, true); }

    /// As `re.match(text, name) is not None`: from the beginning, to anywhere.
    bool matches_beginning(std::string_view name) const { return matches(name, false); }

  private:
    bool matches(std::string_view name, bool whole) const;

    std::string where_, shown_;
    pattern::Program program_;
};

namespace pattern_limits {

inline constexpr std::size_t length = 10'000;  ///< characters
inline constexpr int depth = 50;               ///< parentheses within each other
inline constexpr long long repeats = 1'000'000;
inline constexpr long steps = 200'000;  ///< for one name: some milliseconds

}  // namespace pattern_limits

}  // namespace wishbone
