#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/sizes.h"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/fast_math.cuh"
#include "backend/cuda/primitives/sm90/barriers.cuh"
#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda::sm90::backward {

constexpr int statistics_threads = 256;
constexpr int statistics_steps = 4;  ///< rows of each thread, whose loads are under way together

/// What the key pass reads of rows of query tiles, of M rows each, as Parameters::stats has it.
template <int M, bool Windowed>
struct TileStatistics {
    const Parameters& p;

    __device__ __forceinline__ float* of_tile(int kv_head, int tile) const {
        return p.stats + (std::int64_t(kv_head) * p.query_tiles + tile) * row_statistics<Windowed> * M;
    }

    /// Of a token's query head: lse · log2(e), delta and, with a window, the first token seen. `tile_of` [T]: of each token its query
    /// tile; row: token · Hq + head.
    __device__ __forceinline__ void write(const std::int32_t* tile_of, int row, float delta) const {
        const int token = row / p.query_heads, head = row - token * p.query_heads, kv_head = head / p.group;
        const int tile = tile_of[token];
        float* const to =
            of_tile(kv_head, tile) + (token - p.queries[tile].begin) * p.group + head - kv_head * p.group;
        to[0] = log2_e * p.lse[std::int64_t(head) * p.tokens + token];
        to[M] = delta;
        if constexpr (Windowed) to[2 * M] = __int_as_float(p.first_seen[token]);
    }

    /// Thread blocks from `row_blocks` on see to rows that are no queries, and set `counters` words from Parameters::next on to 0.
    __device__ __forceinline__ void fill(int row_blocks, int counters) const {
        const int block = static_cast<int>(blockIdx.x) - row_blocks, thread = static_cast<int>(threadIdx.x);
        const int blocks = static_cast<int>(gridDim.x) - row_blocks;
        for (int i = block * statistics_threads + thread; i < counters; i += blocks * statistics_threads)
            p.next[i] = 0;
        const int tile = block * (statistics_threads / 32) + thread / 32;
        if (tile >= p.query_tiles) return;
        const int used = (p.queries[tile].end - p.queries[tile].begin) * p.group, unused = M - used;
        for (int i = thread % 32; i < p.kv_heads * unused; i += 32) {
            float* const to = of_tile(i / unused, tile) + used + i % unused;
            to[0] = INFINITY;
            to[M] = 0;
            if constexpr (Windowed) to[2 * M] = 0;
        }
    }
};

/// Statistics, with delta = Σ dO·O; d_out, out [T, Hq, D].
template <int D, int M, bool Windowed>
__global__ void __launch_bounds__(statistics_threads)
    statistics_kernel(const __grid_constant__ Parameters p, const __nv_bfloat16* __restrict__ d_out,
                      const __nv_bfloat16* __restrict__ out, const std::int32_t* __restrict__ tile_of,
                      int row_blocks, int counters) {
    constexpr int lanes = D / 8;  // of a row, 16 bytes each
    constexpr int rows_at_once = statistics_threads / lanes;
    const TileStatistics<M, Windowed> statistics{p};
    launch_dependents();
    const int block = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
    if (block >= row_blocks) return statistics.fill(row_blocks, counters);
    // The last rows first: what was written last is in the L2 cache still.
    const int rows = p.tokens * p.query_heads,
              begin = (row_blocks - 1 - block) * statistics_steps * rows_at_once + thread / lanes;
    const int lane = thread % lanes;
    uint4 left[statistics_steps], right[statistics_steps];
#pragma unroll
    for (int i = 0; i < statistics_steps; ++i) {
        const std::int64_t at = std::int64_t(min(begin + i * rows_at_once, rows - 1)) * lanes + lane;
        left[i] = reinterpret_cast<const uint4*>(d_out)[at];
        right[i] = reinterpret_cast<const uint4*>(out)[at];
    }
    float delta = 0;  // of the row that this lane writes
#pragma unroll
    for (int i = 0; i < statistics_steps; ++i) {
        const auto product = [](std::uint32_t a, std::uint32_t b) {
            return low_half(a) * low_half(b) + high_half(a) * high_half(b);
        };
        float sum = product(left[i].x, right[i].x) + product(left[i].y, right[i].y) +
                    (product(left[i].z, right[i].z) + product(left[i].w, right[i].w));
#pragma unroll
        for (int offset = 1; offset < lanes; offset *= 2) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
        if (lane == i) delta = sum;
    }
    const int row = begin + lane * rows_at_once;
    if (lane < statistics_steps && row < rows) statistics.write(tile_of, row, delta);
}

/// Statistics, of `delta` [T, Hq].
template <int M, bool Windowed>
__global__ void __launch_bounds__(statistics_threads)
    given_statistics_kernel(const __grid_constant__ Parameters p, const float* __restrict__ delta,
                            const std::int32_t* __restrict__ tile_of, int row_blocks, int counters) {
    const TileStatistics<M, Windowed> statistics{p};
    launch_dependents();
    const int block = static_cast<int>(blockIdx.x);
    if (block >= row_blocks) return statistics.fill(row_blocks, counters);
    const int row = block * statistics_threads + static_cast<int>(threadIdx.x);
    if (row < p.tokens * p.query_heads) statistics.write(tile_of, row, delta[row]);
}

constexpr int statistics_tile_blocks(int query_tiles) {
    constexpr int tiles = statistics_threads / 32;
    return (query_tiles + tiles - 1) / tiles;
}

/// Throws Error(internal).
template <int D, int M, bool Windowed>
void run_statistics(cudaStream_t stream, const Parameters& p, const __nv_bfloat16* d_out,
                    const __nv_bfloat16* out, const std::int32_t* tile_of, int counters) {
    constexpr int rows = statistics_steps * statistics_threads / (D / 8);
    const int row_blocks = (p.tokens * p.query_heads + rows - 1) / rows;
    statistics_kernel<D, M, Windowed>
        <<<row_blocks + statistics_tile_blocks(p.query_tiles), statistics_threads, 0, stream>>>(
            p, d_out, out, tile_of, row_blocks, counters);
    check_launch("attention backward, statistics");
}

/// Throws Error(internal).
template <int M, bool Windowed>
void run_given_statistics(cudaStream_t stream, const Parameters& p, const float* delta,
                          const std::int32_t* tile_of, int counters) {
    const int row_blocks = (p.tokens * p.query_heads + statistics_threads - 1) / statistics_threads;
    given_statistics_kernel<M, Windowed>
        <<<row_blocks + statistics_tile_blocks(p.query_tiles), statistics_threads, 0, stream>>>(
            p, delta, tile_of, row_blocks, counters);
    check_launch("attention backward, statistics");
}

}  // namespace wishbone::cuda::sm90::backward
