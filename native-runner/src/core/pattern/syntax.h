#pragma once

#include <bitset>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

/// What a pattern consists of, before it is made a program of.
namespace wishbone::pattern {

/// ASCII characters; others are in no name.
using CharSet = std::bitset<128>;

enum class Place { beginning, end, word_boundary, no_word_boundary };
enum class Greed { greedy, lazy, possessive };

inline constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();

struct Item;
using Sequence = std::vector<Item>;

struct Item {
    enum class Kind { set, place, reference, look, branch, repeat, group, atomic, conditional };

    Kind kind;
    CharSet set{};
    Place place = Place::beginning;
    /// Of `group` (0: it captures nothing), `reference` and `conditional`.
    int group = 0;
    bool ignores_case = false;
    /// Of `look`.
    bool is_behind = false, is_negative = false;
    std::int64_t width = 0;
    /// Of `repeat`.
    std::int64_t least = 0, most = 0;
    Greed greed = Greed::greedy;
    std::vector<Sequence> parts{};
};

/// What a part can match at least and at most, in characters.
struct Width {
    std::int64_t least = 0, most = 0;
};

struct Syntax {
    Sequence items;
    /// Groups that capture, and one more for the whole.
    int groups = 1;
};

/// Why a text is no pattern, or none that is read here, in words.
struct SyntaxError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Reads UTF-8. Throws SyntaxError.
Syntax parse(const std::string& text);

/// `\d`, `\s` or `\w`, their opposites by capitals; none when the letter is another.
CharSet category(char32_t letter);

/// The characters from `low` to `high`, in both cases where those are the same.
CharSet range(char32_t low, char32_t high, bool ignores_case);

inline CharSet one(char32_t character, bool ignores_case) {
    return range(character, character, ignores_case);
}

}  // namespace wishbone::pattern
