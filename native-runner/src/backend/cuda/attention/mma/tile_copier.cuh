#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "backend/cuda/attention/mma/shared_matrix.cuh"
#include "backend/cuda/primitives/mma.cuh"

namespace wishbone::cuda::mma {

/// Brings the rows of a tile into a SharedMatrix. Neighbouring threads take neighbouring chunks of a row, and
/// all the rows of a thread have the same permutation, so that places differ by constants.
template <int head_dim, int threads>
class TileCopier {
    using Matrix = SharedMatrix<head_dim>;
    static constexpr int together = Matrix::even ? 8 : 4;  ///< chunks that neighbouring threads take
    static constexpr int rows_at_once = threads / together;
    static_assert(rows_at_once % 8 == 0);

  public:
    __device__ explicit TileCopier(int thread)
        : row_(thread / together), chunk_(thread % together), offset_(Matrix::offset(row_, chunk_)) {}

    /// `source(row)`: the first element of that row of the tile, or null for a row of zeros. `mapped` is any
    /// readable address.
    template <int rows, typename Source>
    __device__ __forceinline__ void copy(std::uint32_t to, const __nv_bfloat16* mapped,
                                         const Source& source) const {
        static_assert(rows % rows_at_once == 0);
#pragma unroll
        for (int i = 0; i < rows / rows_at_once; ++i) {
            const __nv_bfloat16* const from = source(row_ + i * rows_at_once);
            const bool valid = from != nullptr;
            const auto* const address =
                reinterpret_cast<const unsigned char*>(valid ? from : mapped) + chunk_ * 16;
#pragma unroll
            for (int m = 0; m < Matrix::row_chunks / together; ++m)
                copy_async_16(to + offset_ + i * rows_at_once * Matrix::row_bytes + m * together * 16,
                              address + m * together * 16, valid);
        }
    }

  private:
    int row_, chunk_;
    std::uint32_t offset_;
};

}  // namespace wishbone::cuda::mma
