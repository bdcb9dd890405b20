#pragma once

#include "backend/cuda/primitives/vector.h"
#include "backend/fp8.h"
#include "backend/require.h"

namespace wishbone::cuda {

inline bool is_fp8(const Fp8Matrix& x, std::int64_t rows, std::int64_t columns) {
    return is(x.values, DType::e4m3, {rows, columns}) && is_f32(x.scale, {rows});
}

/// A matrix as kernels take it; null: not wanted.
struct Fp8Out {
    explicit Fp8Out(const Fp8Matrix& matrix)
        : values(static_cast<std::uint8_t*>(matrix.values.data)), scale(matrix.scale.as<float>()) {}

    std::uint8_t* values;
    float* scale;
};

}  // namespace wishbone::cuda
