#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "conformance/target.h"
#include "reference/differences.h"
#include "reference/operations_reference.h"
#include "reference/rounding.h"

namespace wishbone::conformance {

using reference::Values;

inline std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// How far a result may be from its reference in double, by the dtype of the backend's activations. f32: ‖a -
/// b‖ / ‖b‖ over all elements. bf16: the same, or with a `floor` every element by itself, |a - b| / (|b| +
/// floor).
struct Tolerance {
    double f32, bf16;
    double floor = -1;
};
/// Activations rounded once: a result that was rounded twice, or lacks a term, is outside. `floor`: below
/// which the rounding of the f32 arithmetic before it is larger than that of the result.
constexpr Tolerance rounded_once(double f32, double floor) { return {f32, reference::bf16_rounding, floor}; }

/// A target's backend with short ways to bring test data there and back. Inputs are numbers that its
/// activations hold.
class TestDevice {
  public:
    explicit TestDevice(const Target& target) : TestDevice(target.backend()) {}
    explicit TestDevice(Backend& the_backend) : backend(the_backend) {}

    Backend& backend;

    DType dtype() const { return backend.activation_dtype(); }
    bool exact() const { return dtype() == DType::f32; }

    /// Normal numbers that the activations hold.
    Values random(std::mt19937& generator, std::int64_t count, double spread = 1.0) const {
        return rounded(reference::random_values(generator, at(count), spread));
    }
    /// The nearest numbers that the activations hold.
    double rounded(double value) const {
        return exact() ? static_cast<double>(static_cast<float>(value)) : reference::to_bf16(value);
    }
    Values rounded(Values values) const {
        for (double& value : values) value = rounded(value);
        return values;
    }

    Tensor put(const Values& values, std::initializer_list<std::int64_t> shape) {
        return put(values, shape, dtype());
    }
    Tensor put_f32(const Values& values, std::initializer_list<std::int64_t> shape) {
        return put(values, shape, DType::f32);
    }
    Tensor put(const Values& values, std::initializer_list<std::int64_t> shape, DType dtype);
    Tensor put(std::span<const std::int32_t> values);

    /// Memory full of NaN: what an operation fails to write shows.
    Tensor poisoned(std::initializer_list<std::int64_t> shape) { return poisoned(shape, dtype()); }
    Tensor poisoned_f32(std::initializer_list<std::int64_t> shape) { return poisoned(shape, DType::f32); }
    Tensor poisoned(std::initializer_list<std::int64_t> shape, DType dtype);

    Values get(const Tensor& tensor);

    /// How far a tensor is from what is expected, as a part of what is allowed: below 1 it is right. NaN is
    /// infinitely far.
    double off(const Tensor& tensor, const Values& expected, Tolerance tolerance) {
        return off(get(tensor), expected, tolerance);
    }
    double off(const Values& values, const Values& expected, Tolerance tolerance) const;

  private:
    Tensor make(DType dtype, std::initializer_list<std::int64_t> shape);

    std::vector<Buffer> memory_;
};

inline Values plus(Values a, const Values& b) {
    for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
    return a;
}
inline Values minus(Values a, const Values& b) {
    for (std::size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
    return a;
}

}  // namespace wishbone::conformance
