#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/shared_memory.cuh"
#include "backend/cuda/primitives/sm90/barriers.cuh"
#include "backend/cuda/primitives/sm90/store_matrices.cuh"
#include "backend/cuda/primitives/sm90/tma.cuh"
#include "backend/cuda/primitives/warp.cuh"

namespace wishbone::cuda::sm90::attention_out {

/// delta = Σ dO·O of heads of D elements, in the epilogue of the product that gives dO (matmul/sm90). O comes through the box that dO
/// leaves by.
template <int D>
struct Deltas {
    static constexpr int Columns = product::tile_columns, Boxes = 1;
    struct Maps {
        CUtensorMap d_out, out;
    };
    struct Options {
        float* delta;  ///< [rows, heads]
        int rows, heads;
    };
    struct Rows {
        int row, head;  ///< this thread's first row of two, 8 apart, and the tile's first head
        float sum[2];

        __device__ __forceinline__ void of(const Options&, int first_row, int first_column) {
            row = first_row + 16 * (threadIdx.x / 32 % 4) + threadIdx.x % 32 / 4;
            head = first_column / D;
        }
    };

    static __device__ __forceinline__ void load(const Maps& maps, std::uint32_t ready, std::uint32_t box,
                                                int row, int column) {
        mbarrier_arrive_expect_tx(ready, product::box_bytes);
        tma_load_3d(box, &maps.out, ready, column, row, 0);
    }
    static __device__ __forceinline__ void store(const Maps& maps, const Options&, std::uint32_t box, int row,
                                                 int column) {
        tma_store_3d(&maps.d_out, box, column, row, 0);
    }
    template <int Slice>
    static __device__ __forceinline__ void slice(const Options& options, Rows& rows,
                                                 const std::uint32_t (&held)[product::tile_columns / 4],
                                                 std::uint32_t at) {
        constexpr int slices = D / 16;  // of a head
        if constexpr (Slice % slices == 0) rows.sum[0] = rows.sum[1] = 0;
        std::uint32_t out[4];
        load_matrices(out, at);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const std::uint32_t d = held[4 * Slice + i];
            rows.sum[i % 2] += low_half(d) * low_half(out[i]) + high_half(d) * high_half(out[i]);
        }
        const std::uint32_t result[4] = {held[4 * Slice], held[4 * Slice + 1], held[4 * Slice + 2],
                                         held[4 * Slice + 3]};
        store_matrices(at, result);
        if constexpr (Slice % slices == slices - 1) {
            const int head = rows.head + Slice / slices;
#pragma unroll
            for (int h = 0; h < 2; ++h) {
                const float sum = quad_sum(rows.sum[h]);
                const int row = rows.row + 8 * h;
                if (threadIdx.x % 4 == 0 && row < options.rows && head < options.heads)
                    options.delta[static_cast<std::int64_t>(row) * options.heads + head] = sum;
            }
        }
    }
};

}  // namespace wishbone::cuda::sm90::attention_out
