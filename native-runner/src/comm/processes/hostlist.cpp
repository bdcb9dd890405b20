#include "comm/processes/hostlist.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "core/error.h"
#include "core/terminal.h"

namespace wishbone {

namespace {

constexpr std::size_t most_hosts = 65536, most_digits = 9;

class Hostlist {
  public:
    Hostlist(std::string_view list, const std::string& where) : list_(list), where_(where) {}

    std::vector<std::string> hosts() {
        std::vector<std::string> all;
        while (true) {
            const std::vector<std::string> names = one_entry();
            if (all.size() + names.size() > most_hosts) fail("it has too many names");
            all.insert(all.end(), names.begin(), names.end());
            if (at_end()) return all;
            if (list_[place_++] != ',') fail("a comma is missing");
        }
    }

  private:
    bool at_end() const { return place_ == list_.size(); }

    /// A name, with all that its brackets make of it.
    std::vector<std::string> one_entry() {
        std::vector<std::string> names = {""};
        bool has_text = false;
        while (!at_end() && list_[place_] != ',') {
            const char c = list_[place_++];
            const std::vector<std::string> ends = c == '[' ? bracket() : std::vector{std::string(1, c)};
            if (c == ']' || static_cast<unsigned char>(c) <= ' ')
                fail("there is a character that no name has");
            if (names.size() * ends.size() > most_hosts) fail("it has too many names");
            std::vector<std::string> longer;
            for (const std::string& name : names)
                for (const std::string& end : ends) longer.push_back(name + end);
            names = std::move(longer);
            has_text = true;
        }
        if (!has_text) fail("a name is empty");
        return names;
    }

    /// What follows '[': numbers and ranges up to ']'.
    std::vector<std::string> bracket() {
        std::vector<std::string> numbers;
        while (true) {
            const std::string_view first = digits();
            std::string_view last = first;
            if (!at_end() && list_[place_] == '-') {
                ++place_;
                last = digits();
            }
            const std::uint32_t begin = value(first), end = value(last);
            if (end < begin) fail("a range ends before it begins");
            if (numbers.size() + (end - begin) >= most_hosts) fail("it has too many names");
            for (std::uint32_t number = begin; number <= end; ++number) {
                std::string text = std::to_string(number);
                if (text.size() < first.size()) text.insert(0, first.size() - text.size(), '0');
                numbers.push_back(std::move(text));
            }
            if (at_end()) fail("a bracket is not closed");
            const char c = list_[place_++];
            if (c == ']') return numbers;
            if (c != ',') fail("there is something else than numbers in a bracket");
        }
    }

    std::string_view digits() {
        const std::size_t begin = place_;
        while (!at_end() && list_[place_] >= '0' && list_[place_] <= '9') ++place_;
        const std::string_view text = list_.substr(begin, place_ - begin);
        if (text.empty() || text.size() > most_digits) fail("a number is missing or too long");
        return text;
    }

    static std::uint32_t value(std::string_view digits) {
        std::uint32_t number = 0;
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
        return number;
    }

    [[noreturn]] void fail(const char* why) const {
        throw bad_input("\"" + printable(list_.substr(0, 200)) + "\" is not a list of hosts: " + why, where_,
                        "Slurm sets it; start the run with srun, or unset it.");
    }

    std::string_view list_;
    const std::string& where_;
    std::size_t place_ = 0;
};

}  // namespace

std::vector<std::string> expanded_hosts(std::string_view list, const std::string& where) {
    return Hostlist(list, where).hosts();
}

}  // namespace wishbone
