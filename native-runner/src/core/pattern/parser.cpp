#include <algorithm>
#include <map>
#include <optional>

#include "core/pattern/python_pattern.h"
#include "core/pattern/syntax.h"
#include "core/pattern/tokens.h"

namespace wishbone::pattern {

namespace {

// As Python's re.MAXREPEAT: what can be matched at least is below it, so nothing without a limit has a fixed width.
constexpr std::int64_t widest = std::int64_t{1} << 32;

Width width_of(const Sequence& items, const std::vector<Width>& groups) {
    Width sum;
    const auto add = [&](Width part, std::int64_t least, std::int64_t most) {
        sum.least = std::min(sum.least + part.least * least, widest - 1);
        if (most == no_limit)
            sum.most = part.most > 0 ? widest : sum.most;
        else
            sum.most = std::min(sum.most + part.most * most, widest);
    };
    for (const Item& item : items) {
        using enum Item::Kind;
        Width part;
        if (item.kind == set) part = {1, 1};
        if (item.kind == reference) part = groups[static_cast<std::size_t>(item.group)];
        if (item.kind == repeat || item.kind == group || item.kind == atomic)
            part = width_of(item.parts[0], groups);
        if (item.kind == branch || item.kind == conditional) {
            part = width_of(item.parts[0], groups);
            for (const Sequence& other : item.parts) {
                const Width width = width_of(other, groups);
                part = {std::min(part.least, width.least), std::max(part.most, width.most)};
            }
        }
        const bool repeats = item.kind == repeat;
        add(part, repeats ? item.least : 1, repeats ? item.most : 1);
    }
    return sum;
}

bool is_name(const std::string& text) {
    return !is_digit(static_cast<unsigned char>(text[0])) && std::ranges::all_of(text, [](char c) {
        return c == '_' || is_digit(static_cast<unsigned char>(c)) ||
               is_letter(static_cast<unsigned char>(c));
    });
}

class Parser {
  public:
    explicit Parser(const std::string& text) : tokens_(text) {}

    Syntax parse() {
        Sequence items = alternatives(false, 0);
        if (!tokens_.at_end()) throw SyntaxError("a closing parenthesis has no opening one");
        if (std::ranges::any_of(conditions_, [&](int group) { return group >= groups(); }))
            throw SyntaxError("it refers to a group that there is not");
        return {std::move(items), groups()};
    }

  private:
    int groups() const { return static_cast<int>(widths_.size()); }
    bool is_closed(int group) const { return group < groups() && closed_[static_cast<std::size_t>(group)]; }

    /// What may be referred to: within a look behind only what was closed before it.
    void check_reference(int group) const {
        if (!is_closed(group))
            throw SyntaxError("it refers to a group that is still open or that there is not");
        check_behind(group);
    }
    void check_behind(int group) const {
        if (!groups_before_behind_) return;
        if (!is_closed(group) || group >= *groups_before_behind_)
            throw SyntaxError("a look behind refers to a group within it");
    }

    Sequence alternatives(bool ignores_case, int depth) {
        if (depth > pattern_limits::depth) throw SyntaxError("too many parentheses lie within each other");
        std::vector<Sequence> parts;
        // Global flags are only at the very beginning, and hold for what comes behind another alternative too.
        do
            parts.push_back(sequence(depth == 0 ? global_ignores_case_ : ignores_case, depth,
                                     depth == 0 && parts.empty()));
        while (tokens_.skip('|'));
        if (parts.size() == 1) return std::move(parts[0]);
        Item item{.kind = Item::Kind::branch};
        item.parts = std::move(parts);
        return {std::move(item)};
    }

    Sequence sequence(bool ignores_case, int depth, bool is_first) {
        Sequence items;
        while (!tokens_.at_end() && !tokens_.next().is('|') && !tokens_.next().is(')')) {
            const Token token = tokens_.take();
            if (token.is_escaped)
                items.push_back(escape(token.character, ignores_case));
            else if (token.is('['))
                items.push_back(set_of(bracket(ignores_case)));
            else if (token.is('.'))
                items.push_back(set_of(~CharSet{}));
            else if (token.is('^') || token.is('$'))
                items.push_back(place(token.is('^') ? Place::beginning : Place::end));
            else if (token.is('('))
                parenthesis(items, ignores_case, depth, is_first);
            else if (token.is('?') || token.is('*') || token.is('+') || token.is('{'))
                repeat(items, token.character, ignores_case);
            else
                items.push_back(set_of(one(token.character, ignores_case)));
            if (is_first && items.empty()) ignores_case = global_ignores_case_;
        }
        return items;
    }

    static Item set_of(CharSet set) {
        Item item{.kind = Item::Kind::set};
        item.set = set;
        return item;
    }
    static Item place(Place place) {
        Item item{.kind = Item::Kind::place};
        item.place = place;
        return item;
    }

    std::optional<char32_t> control(char32_t letter) {
        static const std::map<char32_t, char32_t> known = {{'a', 7}, {'f', 12}, {'n', 10},   {'r', 13},
                                                           {'t', 9}, {'v', 11}, {'\\', '\\'}};
        const auto found = known.find(letter);
        return found == known.end() ? std::nullopt : std::optional(found->second);
    }

    [[noreturn]] static void bad_escape(char32_t letter) {
        std::string escape = "\\";
        if (letter < 128) escape += static_cast<char>(letter);
        throw SyntaxError(escape + " is no escape here");
    }

    /// What escapes have in common within brackets and outside.
    char32_t character_escape(char32_t letter) {
        if (const auto known = control(letter)) return *known;
        if (letter == 'x' || letter == 'u' || letter == 'U') {
            const std::size_t length = letter == 'x' ? 2 : letter == 'u' ? 4 : 8;
            const std::string digits = tokens_.take_while("0123456789abcdefABCDEF", length);
            if (digits.size() != length) bad_escape(letter);
            const unsigned long code = std::stoul(digits, nullptr, 16);
            if (code > 0x10ffff) bad_escape(letter);
            return static_cast<char32_t>(code);
        }
        if (letter == 'N') throw SyntaxError("\\N{…} is not supported");
        if (is_letter(letter) || is_digit(letter)) bad_escape(letter);
        return letter;
    }

    char32_t octal(std::string digits) {
        const unsigned long code = std::stoul(digits, nullptr, 8);
        if (code > 0377) throw SyntaxError("an octal escape is above \\377");
        return static_cast<char32_t>(code);
    }

    Item escape(char32_t letter, bool ignores_case) {
        if (letter == 'A' || letter == 'Z') return place(letter == 'A' ? Place::beginning : Place::end);
        if (letter == 'b' || letter == 'B')
            return place(letter == 'b' ? Place::word_boundary : Place::no_word_boundary);
        if (category(letter).any()) return set_of(category(letter));
        if (letter == '0')
            return set_of(one(octal(tokens_.take_while("01234567", 2).insert(0, 1, '0')), ignores_case));
        if (!is_digit(letter)) return set_of(one(character_escape(letter), ignores_case));
        std::string digits(1, static_cast<char>(letter));
        digits += tokens_.take_while("0123456789", 1);
        if (digits.size() == 2 && is_octal(letter) && is_octal(static_cast<unsigned char>(digits[1])))
            digits += tokens_.take_while("01234567", 1);
        if (digits.size() == 3) return set_of(one(octal(digits), ignores_case));
        return reference(std::stoi(digits), ignores_case);
    }

    Item reference(int group, bool ignores_case) {
        check_reference(group);
        Item item{.kind = Item::Kind::reference};
        item.group = group;
        item.ignores_case = ignores_case;
        return item;
    }

    /// An end of a range, or a category.
    struct Element {
        char32_t character = 0;
        CharSet category{};
        bool is_category = false;
    };

    Element element(const Token& token) {
        if (!token.is_escaped) return {token.character};
        if (token.character == 'b') return {8};
        if (category(token.character).any()) return {0, category(token.character), true};
        if (is_octal(token.character))
            return {octal(static_cast<char>(token.character) + tokens_.take_while("01234567", 2))};
        return {character_escape(token.character)};
    }

    CharSet bracket(bool ignores_case) {
        const bool is_negative = tokens_.skip('^');
        CharSet set;
        const auto add = [&](const Element& each) {
            set |= each.is_category ? each.category : one(each.character, ignores_case);
        };
        for (bool is_empty = true;; is_empty = false) {
            if (tokens_.at_end()) throw SyntaxError("a bracket is not closed");
            const Token token = tokens_.take();
            if (token.is(']') && !is_empty) break;
            const Element low = element(token);
            if (!tokens_.skip('-')) {
                add(low);
                continue;
            }
            if (tokens_.at_end()) throw SyntaxError("a bracket is not closed");
            const Token other = tokens_.take();
            if (other.is(']')) {
                add(low);
                set.set('-');
                break;
            }
            const Element high = element(other);
            if (low.is_category || high.is_category || high.character < low.character)
                throw SyntaxError("a range in brackets has no good ends");
            set |= range(low.character, high.character, ignores_case);
        }
        return is_negative ? ~set : set;
    }

    static std::int64_t number(const std::string& digits) {
        if (digits.size() > 7 || std::stoll(digits) > pattern_limits::repeats)
            throw SyntaxError("a number of repetitions is too large");
        return std::stoll(digits);
    }

    void repeat(Sequence& items, char32_t sign, bool ignores_case) {
        Item item{.kind = Item::Kind::repeat};
        item.least = sign == '+' ? 1 : 0;
        item.most = sign == '?' ? 1 : no_limit;
        if (sign == '{') {
            const std::size_t here = tokens_.position();
            const bool is_empty = tokens_.next().is('}');
            const std::string low = tokens_.take_while("0123456789", pattern_limits::length);
            const std::string high =
                tokens_.skip(',') ? tokens_.take_while("0123456789", pattern_limits::length) : low;
            if (is_empty || !tokens_.skip('}')) {
                tokens_.go_back(here);
                items.push_back(set_of(one('{', ignores_case)));
                return;
            }
            if (!low.empty()) item.least = number(low);
            if (!high.empty()) item.most = number(high);
            if (item.most < item.least) throw SyntaxError("a repetition has a most below its least");
        }
        if (items.empty() || items.back().kind == Item::Kind::place)
            throw SyntaxError("there is nothing to repeat");
        if (items.back().kind == Item::Kind::repeat) throw SyntaxError("a repetition is repeated");
        if (tokens_.skip('?'))
            item.greed = Greed::lazy;
        else if (tokens_.skip('+'))
            item.greed = Greed::possessive;
        item.parts.push_back({std::move(items.back())});
        items.back() = std::move(item);
    }

    void close() {
        if (!tokens_.skip(')')) throw SyntaxError("a parenthesis is not closed");
    }

    void parenthesis(Sequence& items, bool ignores_case, int depth, bool is_first) {
        if (!tokens_.skip('?')) return items.push_back(capture("", ignores_case, depth));
        if (tokens_.at_end()) throw SyntaxError("it ends within (?");
        const Token kind = tokens_.take();
        if (kind.is('P')) return items.push_back(named(ignores_case, depth));
        if (kind.is('#')) {
            while (!tokens_.at_end() && !tokens_.next().is(')')) tokens_.take();
            if (tokens_.at_end()) throw SyntaxError("a comment is not closed");
            tokens_.take();
            return;
        }
        if (kind.is('=') || kind.is('!') || kind.is('<'))
            return items.push_back(look(kind, ignores_case, depth));
        if (kind.is('(')) return items.push_back(conditional(ignores_case, depth));
        if (kind.is(':') || kind.is('>'))
            return items.push_back(
                enclosed(kind.is(':') ? Item::Kind::group : Item::Kind::atomic, ignores_case, depth));
        if (kind.is_escaped || (!kind.is('-') && !is_letter(kind.character)))
            throw SyntaxError("it has an extension (?… that there is not");
        const auto inner = flags(kind, ignores_case);
        if (inner) return items.push_back(enclosed(Item::Kind::group, *inner, depth));
        if (!is_first || !items.empty()) throw SyntaxError("flags for the whole are not at its beginning");
    }

    Item enclosed(Item::Kind kind, bool ignores_case, int depth) {
        Item item{.kind = kind};
        item.parts.push_back(alternatives(ignores_case, depth + 1));
        close();
        return item;
    }

    Item capture(const std::string& name, bool ignores_case, int depth) {
        const int group = groups();
        if (!name.empty() && !names_.emplace(name, group).second)
            throw SyntaxError("two groups have the name " + name);
        widths_.push_back({});
        closed_.push_back(false);
        Item item = enclosed(Item::Kind::group, ignores_case, depth);
        item.group = group;
        widths_[static_cast<std::size_t>(group)] = width_of(item.parts[0], widths_);
        closed_[static_cast<std::size_t>(group)] = true;
        return item;
    }

    int named_group(const std::string& name) const {
        const auto found = names_.find(name);
        if (found == names_.end()) throw SyntaxError("there is no group of the name " + name);
        return found->second;
    }

    Item named(bool ignores_case, int depth) {
        const bool is_reference = tokens_.skip('=');
        if (!is_reference && !tokens_.skip('<'))
            throw SyntaxError("it has an extension (?P… that there is not");
        const std::string name = tokens_.take_until(is_reference ? ')' : '>');
        if (!is_name(name))
            throw SyntaxError("the name of a group has other characters than letters, digits and _");
        return is_reference ? reference(named_group(name), ignores_case) : capture(name, ignores_case, depth);
    }

    Item look(Token kind, bool ignores_case, int depth) {
        const bool is_behind = kind.is('<');
        if (is_behind) kind = tokens_.take();
        if (!kind.is('=') && !kind.is('!')) throw SyntaxError("it has an extension (?<… that there is not");
        const auto outer = groups_before_behind_;
        if (is_behind && !outer) groups_before_behind_ = groups();
        Item item = enclosed(Item::Kind::look, ignores_case, depth);
        groups_before_behind_ = outer;
        item.is_behind = is_behind;
        item.is_negative = kind.is('!');
        if (is_behind) {
            const Width width = width_of(item.parts[0], widths_);
            if (width.least != width.most) throw SyntaxError("a look behind has no fixed width");
            item.width = width.least;
        }
        return item;
    }

    Item conditional(bool ignores_case, int depth) {
        if (depth >= pattern_limits::depth) throw SyntaxError("too many parentheses lie within each other");
        const std::string name = tokens_.take_until(')');
        Item item{.kind = Item::Kind::conditional};
        if (is_name(name)) {
            item.group = named_group(name);
        } else {
            if (name.size() > 4 || !std::ranges::all_of(name, [](unsigned char c) { return is_digit(c); }) ||
                std::stoi(name) == 0)
                throw SyntaxError("the condition (?(" + name + ") is the name or number of no group");
            item.group = std::stoi(name);
            // It may be one that comes later.
            conditions_.push_back(item.group);
        }
        check_behind(item.group);
        item.parts.push_back(sequence(ignores_case, depth + 1, false));
        item.parts.push_back(tokens_.skip('|') ? sequence(ignores_case, depth + 1, false) : Sequence{});
        if (tokens_.next().is('|')) throw SyntaxError("a condition has more than two branches");
        close();
        return item;
    }

    /// @returns whether case is ignored in the parenthesis; nothing when they are flags for all that follows
    std::optional<bool> flags(Token token, bool ignores_case) {
        std::string on, off;
        std::string* taken = token.is('-') ? &off : &on;
        if (!token.is('-')) on += flag(token);
        for (;;) {
            if (tokens_.at_end()) throw SyntaxError("flags are not closed");
            token = tokens_.take();
            if (token.is(':') || (token.is(')') && taken == &on)) break;
            if (token.is('-') && taken == &on)
                taken = &off;
            else
                *taken += flag(token);
        }
        const auto has = [](const std::string& all, char each) {
            return all.find(each) != std::string::npos;
        };
        if (taken == &off && off.empty()) throw SyntaxError("a flag is missing behind -");
        if (has(on, 'a') && has(on, 'u')) throw SyntaxError("the flags a and u contradict each other");
        if (has(off, 'a') || has(off, 'u')) throw SyntaxError("the flags a and u cannot be turned off");
        if (std::ranges::any_of(on, [&](char each) { return has(off, each); }))
            throw SyntaxError("a flag is turned on and off");
        if (token.is(')')) {
            is_ascii_ |= has(on, 'a');
            is_unicode_ |= has(on, 'u');
            if (is_ascii_ && is_unicode_) throw SyntaxError("the flags a and u contradict each other");
            global_ignores_case_ |= has(on, 'i');
            return std::nullopt;
        }
        return (ignores_case || has(on, 'i')) && !has(off, 'i');
    }

    static char flag(const Token& token) {
        if (!token.is_escaped && token.character < 128) {
            const char letter = static_cast<char>(token.character);
            if (letter == 'x') throw SyntaxError("the flag x is not supported");
            // m and s are about line ends, a and u about other alphabets: no name has either.
            if (std::string_view("aimsu").find(letter) != std::string_view::npos) return letter;
        }
        throw SyntaxError("it has a flag that there is not");
    }

    Tokens tokens_;
    std::vector<Width> widths_ = {{}};
    std::vector<bool> closed_ = {false};
    std::map<std::string, int> names_;
    std::vector<int> conditions_;
    std::optional<int> groups_before_behind_;
    bool global_ignores_case_ = false, is_ascii_ = false, is_unicode_ = false;
};

}  // namespace

Syntax parse(const std::string& text) { return Parser(text).parse(); }

}  // namespace wishbone::pattern
