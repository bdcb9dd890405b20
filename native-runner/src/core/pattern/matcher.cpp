#include <algorithm>
#include <string_view>

#include "core/pattern/program.h"

namespace wishbone::pattern {

namespace {

/// Backtracking without recursion: what to try next when something fails, and registers to set back on the way there, are
/// on one stack. Only what is matched for itself (looks, atomic groups) recurs, by its depth in the pattern.
class Matcher {
  public:
    Matcher(const Program& program, std::string_view name, bool whole, long steps)
        : program_(program),
          name_(name),
          whole_(whole),
          steps_left_(steps),
          registers_(static_cast<std::size_t>(program.registers), -1) {}

    bool run() { return run(0, 0, true) >= 0; }
    bool is_exhausted() const { return steps_left_ <= 0; }

  private:
    /// Where to go on (code >= 0), or a register and what it was.
    struct Entry {
        int code, position, was;
        bool is_choice;
    };

    const Loop& loop(int number) const { return program_.loops[static_cast<std::size_t>(number)]; }
    int& value(int index) { return registers_[static_cast<std::size_t>(index)]; }
    void put(int index, int to) {
        stack_.push_back({index, 0, value(index), false});
        value(index) = to;
    }
    void choose(int code, int position) { stack_.push_back({code, position, 0, true}); }

    char at(int position) const { return name_[static_cast<std::size_t>(position)]; }
    int size() const { return static_cast<int>(name_.size()); }
    static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
    bool is_word(int position) const {
        static const CharSet words = category('w');
        return position >= 0 && position < size() && words[static_cast<unsigned char>(at(position))];
    }

    bool holds(Place place, int position) const {
        switch (place) {
            case Place::beginning:
                return position == 0;
            case Place::end:
                return position == size();
            case Place::word_boundary:
                return is_word(position - 1) != is_word(position);
            // Nothing at all has no boundary and no place without one.
            case Place::no_word_boundary:
                return size() > 0 && is_word(position - 1) == is_word(position);
        }
        return false;
    }

    /// @returns where the match ends, -1 when there is none
    int run(int code, int position, bool is_outermost) {
        const std::size_t base = stack_.size();
        for (;;) {
            if (--steps_left_ <= 0) return -1;
            const Instruction& now = program_.code[static_cast<std::size_t>(code)];
            if (now.op == Instruction::Op::done && (!is_outermost || !whole_ || position == size())) {
                // What could still be tried is forgotten, what is to be set back is not.
                stack_.erase(std::remove_if(stack_.begin() + static_cast<std::ptrdiff_t>(base), stack_.end(),
                                            [](const Entry& entry) { return entry.is_choice; }),
                             stack_.end());
                return position;
            }
            if (now.op != Instruction::Op::done && step(now, code, position)) continue;
            if (!back(base, code, position)) return -1;
        }
    }

    /// Back to the last choice above `base`.
    bool back(std::size_t base, int& code, int& position) {
        while (stack_.size() > base) {
            const Entry entry = stack_.back();
            stack_.pop_back();
            if (entry.is_choice) {
                code = entry.code;
                position = entry.position;
                return true;
            }
            value(entry.code) = entry.was;
        }
        return false;
    }

    bool step(const Instruction& now, int& code, int& position) {
        using enum Instruction::Op;
        const int own = code++;
        switch (now.op) {
            case set:
                return position < size() && program_.sets[static_cast<std::size_t>(now.first)]
                                                         [static_cast<unsigned char>(at(position++))];
            case place:
                return holds(static_cast<Place>(now.first), position);
            case save:
                put(now.first, position);
                return true;
            case jump:
                code = now.first;
                return true;
            case split:
                choose(now.second, position);
                code = now.first;
                return true;
            case reference:
                return repeats(now.first, now.second != 0, position);
            case conditional:
                if (!has_matched(now.second)) code = now.first;
                return true;
            case begin:
                put(loop(now.first).count, 0);
                put(loop(now.first).last, -1);
                return iterate(loop(now.first), code, position);
            case until:
                put(loop(now.first).count, value(loop(now.first).count) + 1);
                return iterate(loop(now.first), code, position);
            case more: {
                const Loop& own_loop = loop(now.first);
                if (value(own_loop.count) >= own_loop.most || value(own_loop.last) == position) return false;
                put(own_loop.last, position);
                code = own_loop.body;
                return true;
            }
            case possessive:
                return take_all(loop(now.first), code, position);
            case atomic:
                position = run(own + 1, position, false);
                code = now.first;
                return position >= 0;
            case look:
                code = now.first;
                return sees(program_.looks[static_cast<std::size_t>(now.second)], own + 1, position);
            case done:
                break;
        }
        return false;
    }

    /// What a greedy or lazy loop does when it has come to a new iteration: the rules of CPython's engine, by which one that
    /// matches nothing is not tried twice at a place.
    bool iterate(const Loop& loop, int& code, int position) {
        const int count = value(loop.count);
        code = loop.body;
        if (count < loop.least) return true;
        if (loop.greed == Greed::lazy) {
            choose(loop.exit - 1, position);
            code = loop.exit;
            return true;
        }
        if (count < loop.most && value(loop.last) != position) {
            choose(loop.exit, position);
            put(loop.last, position);
            return true;
        }
        code = loop.exit;
        return true;
    }

    bool take_all(const Loop& loop, int& code, int& position) {
        code = loop.exit;
        for (std::int64_t count = 0; count < loop.most; ++count) {
            const int next = run(loop.body, position, false);
            if (is_exhausted()) return false;
            if (next < 0) return count >= loop.least;
            const bool has_moved = next != position;
            position = next;
            if (!has_moved && count + 1 >= loop.least) return true;
        }
        return true;
    }

    bool sees(const Look& look, int body, int position) {
        const auto from = look.is_behind ? position - look.width : position;
        const std::size_t base = stack_.size();
        const bool is_there = from >= 0 && run(body, static_cast<int>(from), false) >= 0;
        if (is_exhausted()) return false;
        if (!look.is_negative) return is_there;
        int code = 0, unused = 0;
        if (is_there) back(base, code, unused);
        return !is_there;
    }

    bool has_matched(int group) { return value(2 * group) >= 0 && value(2 * group + 1) >= 0; }

    bool repeats(int group, bool ignores_case, int& position) {
        if (!has_matched(group)) return false;
        const int from = value(2 * group), to = value(2 * group + 1);
        for (int i = from; i < to; ++i, ++position) {
            if (position >= size()) return false;
            const char a = at(i), b = at(position);
            if (a != b && !(ignores_case && lower(a) == lower(b))) return false;
        }
        return true;
    }

    const Program& program_;
    std::string_view name_;
    bool whole_;
    long steps_left_;
    std::vector<int> registers_;
    std::vector<Entry> stack_;
};

}  // namespace

Outcome match(const Program& program, std::string_view name, bool whole, long most_steps) {
    Matcher matcher(program, name, whole, most_steps);
    const bool has_matched = matcher.run();
    return matcher.is_exhausted() ? Outcome::too_many_steps
           : has_matched          ? Outcome::matched
                                  : Outcome::failed;
}

}  // namespace wishbone::pattern
