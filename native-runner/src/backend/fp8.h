#pragma once

#include <cstdint>
#include <initializer_list>

#include "core/tensor.h"

namespace wishbone {

/// A matrix [R, C] in FP8: E4M3 (arXiv 2209.05433), each number times the scale of its row. Products contract the columns of both
/// operands, so a matrix that is to be contracted along its rows is there as its transpose too.
struct Fp8Matrix {
    Tensor values;  ///< e4m3 [R, C]
    Tensor scale;   ///< f32 [R]

    explicit operator bool() const { return static_cast<bool>(values); }
};

/// What is contracted has a length that is a multiple of this, and so have a linear layer's outputs.
inline constexpr std::int64_t fp8_multiple = 16;
/// Numbers of one row at most.
inline constexpr std::int64_t fp8_longest_row = 65536;

/// Columns of the transpose of what has so many rows: those beyond are zeros.
constexpr std::int64_t fp8_padded(std::int64_t rows) {
    return (rows + fp8_multiple - 1) / fp8_multiple * fp8_multiple;
}

}  // namespace wishbone
