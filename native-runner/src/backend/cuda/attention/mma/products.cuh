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

/// to += left · right: the products that sum over keys or rows. `left`, a warp's scores in registers, is rounded to bf16;
/// `right` [16 · Columns / 2, .] lies in a SharedMatrix, at the address that Matrix::rows_first gives this lane. `distance`: bytes
/// from there to the columns that are wanted. Chunks are left out as in multiply_rows.
template <typename Matrix, bool Masked, int Blocks, int Dims, int Columns>
__device__ __forceinline__ void multiply_add(float (&to)[Blocks][Dims][4],
                                             const float (&left)[Blocks][Columns][4], std::uint32_t right,
                                             unsigned seen, std::uint32_t distance = 0) {
#pragma unroll
    for (int c = 0; c < Columns / 2; ++c) {
        if (Masked && (seen >> c & 1) == 0) continue;
        std::uint32_t x[Blocks][4];
#pragma unroll
        for (int b = 0; b < Blocks; ++b) pack_factor(x[b], left[b][2 * c], left[b][2 * c + 1]);
#pragma unroll
        for (int d = 0; d < Dims / 2; ++d) {
            std::uint32_t y[4];
            load_matrices_transposed(y, Matrix::step(right + c * 16 * Matrix::row_bytes, d) + distance);
#pragma unroll
            for (int b = 0; b < Blocks; ++b) {
                multiply(to[b][2 * d], x[b], y[0], y[1]);
                multiply(to[b][2 * d + 1], x[b], y[2], y[3]);
            }
        }
    }
}

}  // namespace wishbone::cuda::mma
