#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace wishbone::conformance {

/// Targets of the LM head: tokens behind rows.
struct Targets {
    std::vector<std::int32_t> row, token;

    void add(std::int32_t of_row, std::int32_t of_token) {
        row.push_back(of_row);
        token.push_back(of_token);
    }
};

/// A number from 0 to `count` - 1, each as likely.
inline std::int32_t any_below(std::mt19937& random, std::int64_t count) {
    return std::uniform_int_distribution<std::int32_t>(0, static_cast<std::int32_t>(count) - 1)(random);
}

}  // namespace wishbone::conformance
