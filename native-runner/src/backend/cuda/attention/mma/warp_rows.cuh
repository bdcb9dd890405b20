#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "backend/cuda/attention/mma/shared_matrix.cuh"
#include "backend/cuda/primitives/bf16_pair.cuh"

namespace wishbone::cuda::mma {

/// This lane's part of a row of sums, times `factor`, into a SharedMatrix. `half`: which of the two rows of its registers.
template <int head_dim>
__device__ __forceinline__ void put_row(unsigned char* shared, int row, const float (&sums)[head_dim / 8][4],
                                        int half, float factor, int lane) {
#pragma unroll
    for (int d = 0; d < head_dim / 8; ++d)
        *reinterpret_cast<std::uint32_t*>(shared + SharedMatrix<head_dim>::offset(row, d) + 4 * (lane % 4)) =
            pack(sums[d][2 * half] * factor, sums[d][2 * half + 1] * factor);
}

/// Stores what a warp has put, `rows` rows from `warp_row` on, in whole chunks. The first row of the matrix is row `begin` of the
/// call, whose row `last` is the last that is stored. `to(row)`: where a row of the call goes.
template <int head_dim, int rows, typename To>
__device__ __forceinline__ void store_rows(const unsigned char* shared, int warp_row, int begin, int last,
                                           int lane, const To& to) {
    using Matrix = SharedMatrix<head_dim>;
    for (int i = lane; i < rows * Matrix::row_chunks; i += 32) {
        const int row = warp_row + i / Matrix::row_chunks, chunk = i % Matrix::row_chunks;
        if (begin + row > last) break;
        const uint4 from = *reinterpret_cast<const uint4*>(shared + Matrix::offset(row, chunk));
        *reinterpret_cast<uint4*>(to(begin + row) + chunk * 8) = from;
    }
}

}  // namespace wishbone::cuda::mma
