#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/products.cuh"
#include "backend/cuda/attention/sm90/backward/query_gradient/mask.cuh"
#include "backend/cuda/attention/sm90/backward/query_gradient/pipeline.cuh"
#include "backend/cuda/attention/sm90/backward/query_gradient/statistics.cuh"
#include "backend/cuda/attention/sm90/backward/query_rows.cuh"
#include "backend/cuda/attention/sm90/backward/rotation.cuh"
#include "backend/cuda/attention/sm90/backward/turns.cuh"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/fast_math.cuh"
#include "backend/cuda/primitives/sm90/ring.cuh"
#include "backend/cuda/primitives/sm90/wgmma.cuh"

namespace wishbone::cuda::sm90::backward {

/// One of the two warpgroups that compute dQ, each of 64 rows of every block. The queries are the rows of the
/// products here, and stay in registers. `F`: Features of the kernel.
template <class Pipeline, class F>
struct QueryConsumer {
    static constexpr int D = Pipeline::D, M = Pipeline::M, N = Pipeline::N;

    const Parameters& p;
    const Pipeline& shared;

    /// S or dP of this warpgroup: `left` [64, D], in registers, times `right` [N, D] transposed.
    __device__ __forceinline__ void multiply_rows(float (&acc)[N / 2], const std::uint32_t (&left)[D / 4],
                                                  std::uint32_t right) const {
#pragma unroll
        for (int k = 0; k < D / 16; ++k)
            wgmma_rs<N, 0>(acc, left[4 * k], left[4 * k + 1], left[4 * k + 2], left[4 * k + 3],
                           descriptor(right + k / 4 * N * 128 + k % 4 * 32, 0, 1024), k > 0);
    }

    __device__ __forceinline__ void run() const {
        const int half = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0) - 1;
        const int warp = __shfl_sync(0xffffffffu, threadIdx.x / 32 % 4, 0);
        const int lane = threadIdx.x % 32, c = lane % 4;
        constexpr bool one_tile = M == block_rows;
        const int part = one_tile ? 0 : half;  // query tile of the block this warpgroup works on
        const int row = (one_tile ? half * 64 : 0) + warp * 16 + lane / 4;
        const std::uint32_t offset = one_tile ? half * 64 * 128 : half * Pipeline::row_bytes;
        Ring<Pipeline::Stages> key_ring;
        if (half == 1) give_turn(half);
        for (int n = 0;; ++n) {
            mbarrier_wait(shared.rows_full(), n & 1);
            const int first_tile = shared.rows().first_tile, kv_head = shared.rows().kv_head;
            if (first_tile < 0) return;
            const Tiles::Query tile = shared.rows().tiles[part];
            std::uint32_t query[D / 4], d_out[D / 4];
            const float lse[2] = {shared.rows().lse[part * M + row], shared.rows().lse[part * M + row + 8]};
            float delta[2] = {};
            load_factors(query, d_out, delta, shared, offset);
            warp_arrive(shared.rows_empty());
            float* const stats = p.stats +
                                 (std::int64_t(kv_head) * p.query_tiles + first_tile + part) *
                                     row_statistics<F::Windowed> * M +
                                 row;
            int token[2];
            finish_statistics<M, F::Windowed>(stats, delta, token, lse, tile, row, p, c);
            const int position[2] = {position_of(p.rotation, token[0], is_query(tile, row, p.group)),
                                     position_of(p.rotation, token[1], is_query(tile, row + 8, p.group))};

            float dq[D / 2];
#pragma unroll
            for (int i = 0; i < D / 2; ++i) dq[i] = 0;

            int previous = -1;  // stage whose keys the last product may still read
            for (;; key_ring.next()) {
                const int stage = key_ring.stage;
                mbarrier_wait(shared.key_full(stage), key_ring.round);
                const Tiles::KeyBlock block = shared.key_block(stage);
                const bool end = block.begin < 0;
                if (!end && block.begin < tile.end && block.last_until > tile.begin) {
                    const std::uint32_t keys = shared.key(stage), values = shared.value(stage);
                    float s[N / 2], dp[N / 2];
                    take_turn(half);
                    wgmma_fence();
                    multiply_rows(s, query, keys);
                    wgmma_commit();
                    wgmma_wait<1>();  // dQ of the step before
                    if (previous >= 0) warp_arrive(shared.key_empty(previous));
                    multiply_rows(dp, d_out, values);
                    wgmma_commit();
                    give_turn(half);
                    wgmma_wait<1>();
                    wgmma_hold(s);
                    if constexpr (F::Capped) p.cap.apply(s);
                    hide_invisible<N, F::Windowed>(s, tile, block, shared.until(stage), p, token, c);
#pragma unroll
                    for (int i = 0; i < N / 2; ++i) {
                        const float score = s[i];
                        s[i] = exp2_fast(score * p.scale_log2 - lse[i / 2 % 2]);
                        if constexpr (F::Capped) s[i] *= p.cap.slope(score);
                    }
                    wgmma_wait<0>();
                    wgmma_hold(dp);
                    std::uint32_t ds[N / 4];
#pragma unroll
                    for (int i = 0; i < N / 4; ++i)
                        ds[i] = pack(s[2 * i] * (dp[2 * i] - delta[i % 2]),
                                     s[2 * i + 1] * (dp[2 * i + 1] - delta[i % 2]));
                    wgmma_fence();
                    multiply_add<D, N>(dq, ds, keys);
                    wgmma_commit();
                    if constexpr (N == 128) wgmma_wait<0>();  // no registers to go on meanwhile
                    previous = stage;
                    continue;
                }
                // The end, or keys that only the queries of the other warpgroup see.
                take_turn(half);
                give_turn(half);
                wgmma_wait<0>();
                if (previous >= 0) warp_arrive(shared.key_empty(previous));
                warp_arrive(shared.key_empty(stage));
                previous = -1;
                if (end) break;
            }
            key_ring.next();
            wgmma_hold(dq);
            store_query_gradients<D>(
                p, tile, kv_head, row, [&](int r) { return position[r == row ? 0 : 1]; }, dq);
        }
    }
};

}  // namespace wishbone::cuda::sm90::backward
