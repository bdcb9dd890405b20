#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/backend.h"

namespace wishbone::reference {

/// A backend with short ways to bring test data there and back.
class Device {
  public:
    explicit Device(std::unique_ptr<Backend> the_backend) : backend(std::move(the_backend)) {}

    std::unique_ptr<Backend> backend;

    Tensor put(const std::vector<double>& values, std::initializer_list<std::int64_t> shape) {
        const std::vector<float> floats(values.begin(), values.end());
        return put_any(DType::f32, shape, floats.data());
    }

    Tensor put(std::span<const std::int32_t> values) {
        return put_any(DType::i32, {static_cast<std::int64_t>(values.size())}, values.data());
    }

    /// Memory full of NaN: what an operation fails to write shows.
    Tensor poisoned(std::initializer_list<std::int64_t> shape) {
        const std::vector<float> nan(static_cast<std::size_t>(Tensor(nullptr, DType::f32, shape).size()),
                                     NAN);
        return put_any(DType::f32, shape, nan.data());
    }

    std::vector<double> get(Tensor tensor) {
        std::vector<float> floats(static_cast<std::size_t>(tensor.size()));
        backend->download(floats.data(), tensor);
        return {floats.begin(), floats.end()};
    }

  private:
    Tensor put_any(DType dtype, std::initializer_list<std::int64_t> shape, const void* data) {
        Tensor tensor(nullptr, dtype, shape);
        memory_.push_back(backend->allocate(tensor.bytes()));
        tensor.data = memory_.back().get();
        backend->upload(tensor, data);
        return tensor;
    }

    std::vector<Buffer> memory_;
};

}  // namespace wishbone::reference
