#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "core/half.h"

namespace wishbone::reference {

/// The nearest number that bf16 holds.
inline double to_bf16(double value) {
    return static_cast<double>(bfloat16_to_float(float_to_bfloat16(static_cast<float>(value))));
}
inline std::vector<double> to_bf16(std::vector<double> values) {
    for (double& value : values) value = to_bf16(value);
    return values;
}

/// Normal numbers that bf16 holds exactly.
inline std::vector<double> random_bf16(std::mt19937& random, std::int64_t count, double spread = 1.0) {
    std::normal_distribution<double> normal(0.0, spread);
    std::vector<double> values(static_cast<std::size_t>(count));
    for (double& value : values) value = to_bf16(normal(random));
    return values;
}

/// max |a - b| / (|b| + floor): how far single elements are off. NaN counts as infinitely far.
inline double largest_error(const std::vector<double>& a, const std::vector<double>& b, double floor) {
    if (a.size() != b.size()) return INFINITY;
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double error = std::abs(a[i] - b[i]) / (std::abs(b[i]) + floor);
        if (!(error <= largest)) largest = std::isnan(error) ? INFINITY : error;
    }
    return largest;
}

/// Rounding to bf16 is off by at most half a unit in the last place, relative to the number; the rest is
/// room for the f32 arithmetic before it, which may also tip a tie.
constexpr double bf16_rounding = 1.02 / 256;

}  // namespace wishbone::reference
