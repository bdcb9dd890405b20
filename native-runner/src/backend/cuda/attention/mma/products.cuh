#pragma once

#include <cstdint>

#include "backend/cuda/primitives/mma.cuh"
#include "backend/cuda/primitives/shared_memory.cuh"

namespace wishbone::cuda::mma {

/// to += left · rightᵀ, both [., 16 · Steps] in a SharedMatrix, by one warp; 16 rows of `right` (a chunk) at
/// a time. `left`, `right`: addresses of this lane, as Matrix::rows_first and Matrix::columns_first give
/// them. With `Masked`, chunk c is left out where bit c of `seen` is not set: nobody sees it.
template <typename Matrix, int Steps, bool Masked, int Blocks, int Columns>
__device__ __forceinline__ void multiply_rows(float (&to)[Blocks][Columns][4], std::uint32_t left,
                                              std::uint32_t right, unsigned seen) {
#pragma unroll
    for (int k = 0; k < Steps; ++k) {
        std::uint32_t x[Blocks][4];
#pragma unroll
        for (int b = 0; b < Blocks; ++b)
            load_matrices(x[b], Matrix::step(left + b * 16 * Matrix::row_bytes, k));
#pragma unroll
        for (int c = 0; c < Columns / 2; ++c) {
            if (Masked && (seen >> c & 1) == 0) continue;
            std::uint32_t y[4];
            load_matrices(y, Matrix::step(right + c * 16 * Matrix::row_bytes, k));
#pragma unroll
            for (int b = 0; b < Blocks; ++b) {
                multiply(to[b][2 * c], x[b], y[0], y[1]);
                multiply(to[b][2 * c + 1], x[b], y[2], y[3]);
            }
        }
    }
}

}  // namespace wishbone::cuda::mma
