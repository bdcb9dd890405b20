#pragma once

#include <cmath>
#include <cstddef>
#include <functional>
#include <random>
#include <span>
#include <vector>

namespace wishbone::reference {

/// ||a - b|| / ||b||, where b is the one trusted; ||a|| when b is zero.
template <typename A, typename B>
double relative_difference(const A& a, const B& b) {
    if (a.size() != b.size()) return INFINITY;
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
        difference += (x - y) * (x - y);
        size += y * y;
    }
    return std::sqrt(difference) / (size > 0 ? std::sqrt(size) : 1.0);
}

/// Derivative of f along `direction` at x, by central differences in double. x is put back.
inline double slope(const std::function<double()>& f, std::vector<double>& x,
                    const std::vector<double>& direction, double step = 1e-5) {
    const std::vector<double> middle = x;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = middle[i] + step * direction[i];
    const double above = f();
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = middle[i] - step * direction[i];
    const double below = f();
    x = middle;
    return (above - below) / (2 * step);
}

/// Gradient of f at x by central differences, one element after the other.
inline std::vector<double> gradient(const std::function<double()>& f, std::vector<double>& x,
                                    double step = 1e-5) {
    std::vector<double> result;
    for (double& value : x) {
        const double middle = value;
        value = middle + step;
        const double above = f();
        value = middle - step;
        const double below = f();
        value = middle;
        result.push_back((above - below) / (2 * step));
    }
    return result;
}

inline double dot(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

/// Normal numbers that a float holds exactly, so that float and double start from the same values.
inline std::vector<double> random_values(std::mt19937& random, std::size_t count, double spread = 1.0) {
    std::normal_distribution<double> normal(0.0, spread);
    std::vector<double> values(count);
    for (double& value : values) value = static_cast<double>(static_cast<float>(normal(random)));
    return values;
}

}  // namespace wishbone::reference
