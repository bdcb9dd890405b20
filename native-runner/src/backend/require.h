#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>

#include "core/error.h"
#include "core/tensor.h"

namespace wishbone {

/// Throws Error(internal) when an operation is called with tensors that do not fit each other.
inline void require(bool fits, const char* operation) {
    if (fits) return;
    throw Error(ExitCode::internal, std::string("tensors do not fit in operation ") + operation, "backend",
                "This is a fault of the runner, please report it.");
}

/// Whether a tensor has this element type and shape and memory behind it.
inline bool is(const Tensor& x, DType dtype, std::initializer_list<std::int64_t> shape) {
    return (x.data != nullptr || x.size() == 0) && x.dtype == dtype &&
           x.rank == static_cast<int>(shape.size()) &&
           std::equal(shape.begin(), shape.end(), x.shape.begin());
}

inline bool is_bf16(const Tensor& x, std::initializer_list<std::int64_t> shape) {
    return is(x, DType::bf16, shape);
}
inline bool is_f32(const Tensor& x, std::initializer_list<std::int64_t> shape) {
    return is(x, DType::f32, shape);
}
inline bool is_i32(const Tensor& x, std::initializer_list<std::int64_t> shape) {
    return is(x, DType::i32, shape);
}

}  // namespace wishbone
