#pragma once

#include <array>
#include <cmath>

namespace wishbone {

/// A number with its derivatives by four variables (forward-mode differentiation): a loss written with these is
/// its formula alone, and its gradient is exact to rounding. Which variables they are is up to who makes them.
struct Dual {
    double value = 0;
    std::array<double, 4> slope = {};

    Dual() = default;
    Dual(double constant) : value(constant) {}  // NOLINT: constants mix freely with variables
    /// The `which`-th variable.
    static Dual variable(double value, std::size_t which) {
        Dual x(value);
        x.slope[which] = 1;
        return x;
    }

    /// f(x) given f's value and derivative at x.
    Dual mapped(double result, double derivative) const {
        Dual out(result);
        for (std::size_t i = 0; i < slope.size(); ++i) out.slope[i] = derivative * slope[i];
        return out;
    }
};

inline Dual operator+(const Dual& a, const Dual& b) {
    Dual out(a.value + b.value);
    for (std::size_t i = 0; i < out.slope.size(); ++i) out.slope[i] = a.slope[i] + b.slope[i];
    return out;
}
inline Dual operator-(const Dual& a) { return a.mapped(-a.value, -1); }
inline Dual operator-(const Dual& a, const Dual& b) { return a + -b; }
inline Dual operator*(const Dual& a, const Dual& b) {
    Dual out(a.value * b.value);
    for (std::size_t i = 0; i < out.slope.size(); ++i)
        out.slope[i] = a.slope[i] * b.value + b.slope[i] * a.value;
    return out;
}
inline Dual operator/(const Dual& a, double b) { return a.mapped(a.value / b, 1 / b); }

inline Dual square(const Dual& x) { return x * x; }

inline Dual exp(const Dual& x) {
    const double e = std::exp(x.value);
    return x.mapped(e, e);
}

/// 1 / (1 + exp(-x)), written so that exp never overflows.
inline double sigmoid(double x) {
    const double e = std::exp(-std::abs(x));
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}
inline Dual sigmoid(const Dual& x) {
    return x.mapped(sigmoid(x.value), sigmoid(x.value) * sigmoid(-x.value));
}

/// log(1 / (1 + exp(-x))).
inline double log_sigmoid(double x) { return (x < 0 ? x : 0.0) - std::log1p(std::exp(-std::abs(x))); }
inline Dual log_sigmoid(const Dual& x) { return x.mapped(log_sigmoid(x.value), sigmoid(-x.value)); }

/// log(1 - exp(x)) for x < 0.
inline Dual log1mexp(const Dual& x) {
    const double log_half = -std::log(2.0);
    const double value = x.value > log_half ? std::log(-std::expm1(x.value)) : std::log1p(-std::exp(x.value));
    return x.mapped(value, 1 / (1 - std::exp(-x.value)));
}

/// max(0, x), with derivative 0 at 0 as torch.relu.
inline Dual relu(const Dual& x) { return x.value > 0 ? x : Dual(0); }

/// min(x, most), constant beyond, as torch.clamp.
inline Dual clamp_above(const Dual& x, double most) { return x.value > most ? Dual(most) : x; }

}  // namespace wishbone
