#pragma once

#include <string_view>
#include <vector>

#include "core/pattern/syntax.h"

namespace wishbone::pattern {

/// A step of a match. `first` and `second` are places in the program unless said otherwise.
struct Instruction {
    enum class Op {
        set,          ///< one character of `sets[first]`
        place,        ///< `first`: which Place
        save,         ///< the position, in register `first`
        jump,         ///< to `first`
        split,        ///< on with `first`; when that fails, with `second`
        reference,    ///< what group `first` has matched once more; `second`: whether case is ignored
        conditional,  ///< to `first` unless group `second` has matched
        begin,        ///< of loop `first`
        until,        ///< the end of an iteration of loop `first`
        more,         ///< one more iteration of the lazy loop `first`, after what follows it has failed
        possessive,   ///< loop `first`, whose iterations begin behind this and end with `done`
        atomic,       ///< what is behind this up to `done`, once; on with `first`
        look,         ///< as `looks[second]`; on with `first`
        done,
    };

    Op op;
    int first = 0, second = 0;
};

struct Loop {
    std::int64_t least = 0, most = 0;
    Greed greed = Greed::greedy;
    int body = 0, exit = 0;
    /// Registers: iterations that are done, and where the last began (-1: nowhere).
    int count = 0, last = 0;
};

struct Look {
    bool is_behind = false, is_negative = false;
    std::int64_t width = 0;
};

struct Program {
    std::vector<Instruction> code;
    std::vector<CharSet> sets;
    std::vector<Loop> loops;
    std::vector<Look> looks;
    /// Two a group, where it begins and ends, then those of loops. All begin as -1.
    int registers = 0;
};

Program compile(const Syntax& syntax);

/// How a match went.
enum class Outcome { matched, failed, too_many_steps };

/// @param whole whether the match must end where the name ends
Outcome match(const Program& program, std::string_view name, bool whole, long most_steps);

}  // namespace wishbone::pattern
