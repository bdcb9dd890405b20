#include "variants.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <string_view>

namespace wishbone::campaign {

namespace {

using namespace std::string_view_literals;

/// What readers have stumbled over, as it stands in JSON.
constexpr std::array odd_values = {
    "null"sv,
    "true"sv,
    "false"sv,
    "0"sv,
    "-0"sv,
    "1"sv,
    "-1"sv,
    "0.5"sv,
    "1e308"sv,
    "1e999"sv,
    "-1e999"sv,
    "1e-320"sv,
    "NaN"sv,
    "127"sv,
    "65535"sv,
    "2147483647"sv,
    "2147483648"sv,
    "4294967296"sv,
    "9007199254740993"sv,
    "9223372036854775807"sv,
    "9223372036854775808"sv,
    "18446744073709551615"sv,
    "18446744073709551616"sv,
    "-9223372036854775809"sv,
    "\"\""sv,
    "\"\\u0000\""sv,
    "\"\\ud800\""sv,
    "\"\\u001b[31m\""sv,
    "\"../../x\""sv,
    "\"/dev/zero\""sv,
    "\"F32\""sv,
    "\"I64\""sv,
    "\"(a+)+$\""sv,
    "[]"sv,
    "{}"sv,
    "[[]]"sv,
    "[null]"sv,
    "{\"a\":1,\"a\":2}"sv,
    "[0,18446744073709551615]"sv,
    "[-1,-1]"sv,
    "[4294967296,4294967296]"sv,
};
constexpr std::array<unsigned char, 6> odd_bytes = {0, 1, 0x7f, 0x80, 0xff, '"'};
constexpr std::array<std::uint64_t, 8> odd_numbers = {
    0, 1, 0x7f, 0xffff, 0x7fffffff, 0xffffffff, std::uint64_t{1} << 40, ~std::uint64_t{0} >> 1};

std::uint64_t length_of_header(const std::string& bytes) {
    std::uint64_t length = 0;
    if (bytes.size() >= sizeof(length)) std::memcpy(&length, bytes.data(), sizeof(length));
    return length;
}

}  // namespace

std::uint64_t Random::next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

Variants::Variants(std::string input) : input_(std::move(input)) {
    const std::size_t size = input_.size();
    if (size > 0 && (input_[0] == '{' || input_[0] == '[')) {
        json_end_ = size;
    } else if (const auto length = length_of_header(input_); length > 0 && size > 8 && length <= size - 8) {
        json_begin_ = 8;
        json_end_ = 8 + static_cast<std::size_t>(length);
    }
    const auto is_of_a_word = [](unsigned char unit) {
        return std::isalnum(unit) != 0 || unit == '-' || unit == '+' || unit == '.';
    };
    for (std::size_t at = json_begin_; at < json_end_;) {
        const std::size_t begin = at;
        if (input_[at] == '"') {
            for (at++; at < json_end_ && input_[at] != '"'; at++)
                if (input_[at] == '\\') at++;
            at = std::min(at + 1, json_end_);
        } else if (is_of_a_word(static_cast<unsigned char>(input_[at]))) {
            while (at < json_end_ && is_of_a_word(static_cast<unsigned char>(input_[at]))) at++;
        } else {
            at++;
            continue;
        }
        values_.emplace_back(begin, at - begin);
    }
}

std::string Variants::make(std::uint64_t seed, std::size_t number) const {
    if (number == 0) return input_;
    Random random(seed * 0x100000001b3 + number);
    return !values_.empty() && random.below(2) == 0 ? with_other_values(random) : with_other_bytes(random);
}

std::string Variants::with_other_values(Random& random) const {
    std::vector<std::size_t> changed;
    for (std::size_t times = 1 + random.below(3); times > 0; times--)
        changed.push_back(random.below(values_.size()));
    std::sort(changed.begin(), changed.end());
    changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
    std::string out;
    out.reserve(input_.size() + 64);
    std::size_t from = 0;
    for (const std::size_t which : changed) {
        const auto [begin, length] = values_[which];
        out.append(input_, from, begin - from);
        if (random.below(3) == 0) {
            const auto [other, other_length] = values_[random.below(values_.size())];
            out.append(input_, other, other_length);
        } else {
            out.append(odd_values[random.below(odd_values.size())]);
        }
        from = begin + length;
    }
    out.append(input_, from);
    if (json_begin_ > 0) {
        const std::uint64_t length = json_end_ - json_begin_ + out.size() - input_.size();
        std::memcpy(out.data(), &length, sizeof(length));
    }
    return out;
}

std::string Variants::with_other_bytes(Random& random) const {
    std::string out = input_;
    for (std::size_t times = 1 + random.below(4); times > 0 && !out.empty(); times--) {
        // Half of them where formats say how they are laid out: in front.
        const std::size_t most = random.below(2) == 0 ? std::min<std::size_t>(out.size(), 512) : out.size();
        const std::size_t at = random.below(most);
        switch (random.below(6)) {
            case 0:
                out[at] = static_cast<char>(out[at] ^ (1 << random.below(8)));
                break;
            case 1:
                out[at] = static_cast<char>(odd_bytes[random.below(odd_bytes.size())]);
                break;
            case 2: {
                const std::uint64_t number = odd_numbers[random.below(odd_numbers.size())];
                const std::size_t width = std::size_t{2} << random.below(3);
                if (at + width <= out.size()) std::memcpy(out.data() + at, &number, width);
                break;
            }
            case 3:
                out.erase(at, 1 + random.below(8));
                break;
            case 4:
                out.insert(at, std::string(out, at, 1 + random.below(16)));
                break;
            default:
                if (random.below(8) == 0)
                    out.resize(at);
                else
                    out[at] = static_cast<char>(random.below(256));
        }
    }
    return out;
}

}  // namespace wishbone::campaign
