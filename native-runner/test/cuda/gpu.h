#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "core/half.h"

namespace wishbone {

/// Whether tests can use a GPU. When not, says once why: tests that need one are decorated with
/// `* doctest::skip(!test_gpu())`.
inline bool test_gpu() {
    static const bool usable = [] {
        const CudaInfo info = cuda_info();
        if (info.devices.empty()) std::fprintf(stderr, "GPU tests are skipped: %s\n", info.problem.c_str());
        return !info.devices.empty();
    }();
    return usable;
}

/// The one backend all tests of a program share, made when first asked for.
inline Backend& gpu_backend() {
    static const std::unique_ptr<Backend> backend = make_cuda_backend({});
    return *backend;
}

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

/// Test data on the GPU, and back.
class Gpu {
  public:
    Backend& backend = gpu_backend();

    Tensor put(const std::vector<double>& values, std::initializer_list<std::int64_t> shape,
               DType dtype = DType::bf16) {
        const Tensor tensor = make(dtype, shape);
        if (dtype == DType::f32) {
            const std::vector<float> floats(values.begin(), values.end());
            backend.upload(tensor, floats.data());
        } else {
            std::vector<std::uint16_t> bits;
            bits.reserve(values.size());
            for (const double value : values) bits.push_back(float_to_bfloat16(static_cast<float>(value)));
            backend.upload(tensor, bits.data());
        }
        return tensor;
    }
    Tensor put_f32(const std::vector<double>& values, std::initializer_list<std::int64_t> shape) {
        return put(values, shape, DType::f32);
    }
    Tensor put(std::span<const std::int32_t> values) {
        const Tensor tensor = make(DType::i32, {static_cast<std::int64_t>(values.size())});
        backend.upload(tensor, values.data());
        return tensor;
    }

    /// Memory full of NaN: what an operation fails to write shows.
    Tensor poisoned(std::initializer_list<std::int64_t> shape, DType dtype = DType::bf16) {
        const Tensor tensor = make(dtype, shape);
        const std::vector<std::uint8_t> ones(tensor.bytes(), 0xff);
        backend.upload(tensor, ones.data());
        return tensor;
    }

    std::vector<double> get(const Tensor& tensor) {
        std::vector<double> values;
        values.reserve(static_cast<std::size_t>(tensor.size()));
        if (tensor.dtype == DType::f32) {
            std::vector<float> floats(static_cast<std::size_t>(tensor.size()));
            backend.download(floats.data(), tensor);
            values.assign(floats.begin(), floats.end());
        } else {
            std::vector<std::uint16_t> bits(static_cast<std::size_t>(tensor.size()));
            backend.download(bits.data(), tensor);
            for (const std::uint16_t each : bits)
                values.push_back(static_cast<double>(bfloat16_to_float(each)));
        }
        return values;
    }

  private:
    Tensor make(DType dtype, std::initializer_list<std::int64_t> shape) {
        Tensor tensor(nullptr, dtype, shape);
        memory_.push_back(backend.allocate(tensor.bytes()));
        tensor.data = memory_.back().get();
        return tensor;
    }

    std::vector<Buffer> memory_;
};

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

}  // namespace wishbone
