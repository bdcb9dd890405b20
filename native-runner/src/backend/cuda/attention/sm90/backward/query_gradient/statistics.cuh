#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/query_gradient/pipeline.cuh"
#include "backend/cuda/attention/sm90/backward/query_rows.cuh"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/shared_memory.cuh"
#include "backend/cuda/primitives/warp.cuh"

namespace wishbone::cuda::sm90::backward {

/// Columns 16·step to 16·step + 15 of 64 rows of `from` [., D] as left factor of wgmma. M: rows of a tile.
template <int M>
__device__ __forceinline__ void load_step(std::uint32_t* rows, std::uint32_t from, int step) {
    const int row = threadIdx.x / 32 % 4 * 16 + threadIdx.x % 16,
              block = step % 4 * 2 + threadIdx.x % 32 / 16;
    load_matrices(rows, from + step / 4 * M * 128 + row * 128 + ((block ^ (row & 7)) << 4));
}

/// Queries and dO of 64 rows as left factors, and delta = Σ dO·O of this thread's part of its two rows.
/// `offset` in bytes: where the rows begin.
template <class Pipeline>
__device__ __forceinline__ void load_factors(std::uint32_t (&query)[Pipeline::D / 4],
                                             std::uint32_t (&d_out)[Pipeline::D / 4], float (&delta)[2],
                                             const Pipeline& shared, std::uint32_t offset) {
    constexpr int M = Pipeline::M;
#pragma unroll
    for (int step = 0; step < Pipeline::D / 16; ++step) {
        std::uint32_t out[4];
        load_step<M>(query + 4 * step, shared.base + Pipeline::query_at + offset, step);
        load_step<M>(d_out + 4 * step, shared.base + Pipeline::d_out_at + offset, step);
        load_step<M>(out, shared.base + Pipeline::out_at + offset, step);
#pragma unroll
        for (int i = 0; i < 4; ++i)
            delta[i % 2] += low_half(d_out[4 * step + i]) * low_half(out[i]) +
                            high_half(d_out[4 * step + i]) * high_half(out[i]);
    }
}

/// Completes delta of this thread's two rows, `row` and `row` + 8 of the tile, and leaves lse and delta, with a
/// window also what they see first, for key_gradient_kernel (`stats`: where the first of them goes, as in
/// Parameters::stats). `token`: of the two rows.
template <int M, bool Windowed>
__device__ __forceinline__ void finish_statistics(float* stats, float (&delta)[2], int (&token)[2],
                                                  const float (&lse)[2], const Tiles::Query& tile, int row,
                                                  const Parameters& p, int c) {
    const bool active = tile.begin < tile.end;
#pragma unroll
    for (int k = 0; k < 2; ++k) {
        token[k] = tile.begin + (row + 8 * k) / p.group;
        delta[k] = quad_sum(delta[k]);
        const bool query = is_query(tile, row + 8 * k, p.group);
        if (!query) delta[k] = 0;
        if (active && c == 0) {
            stats[8 * k] = lse[k];
            stats[M + 8 * k] = delta[k];
            if constexpr (Windowed) stats[2 * M + 8 * k] = __int_as_float(query ? p.first_seen[token[k]] : 0);
        }
    }
}

}  // namespace wishbone::cuda::sm90::backward
