#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/key_gradient/mask.cuh"
#include "backend/cuda/attention/sm90/backward/key_gradient/part_sums.cuh"
#include "backend/cuda/attention/sm90/backward/key_gradient/pipeline.cuh"
#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/products.cuh"
#include "backend/cuda/attention/sm90/backward/rotation.cuh"
#include "backend/cuda/attention/sm90/backward/score_gradients/strips.cuh"
#include "backend/cuda/attention/sm90/backward/turns.cuh"
#include "backend/cuda/attention/sm90/store_row.cuh"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/fast_math.cuh"
#include "backend/cuda/primitives/sm90/ring.cuh"
#include "backend/cuda/primitives/sm90/tma.cuh"
#include "backend/cuda/primitives/sm90/wgmma.cuh"

namespace wishbone::cuda::sm90::backward {

/// One of the two warpgroups that compute dK and dV, each of 64 keys of every item. `F`: Features
/// of the kernel.
template <class Pipeline, class F>
struct KeyConsumer {
    static constexpr int D = Pipeline::D, M = Pipeline::M;
    static constexpr bool LeavesScores = Pipeline::LeavesScores;

    const Parameters& p;
    const Pipeline& shared;

    /// S^T or dP^T of this warpgroup: its 64 rows of `left` [128, D] times `right` [M, D] transposed.
    __device__ __forceinline__ void multiply_rows(float (&acc)[M / 2], std::uint32_t left,
                                                  std::uint32_t right) const {
#pragma unroll
        for (int k = 0; k < D / 16; ++k)
            wgmma_ss<M, 0, 0>(acc, descriptor(left + k / 4 * key_tile * 128 + k % 4 * 32, 0, 1024),
                              descriptor(right + k / 4 * M * 128 + k % 4 * 32, 0, 1024), k > 0);
    }

    /// Scores to probabilities, given the rows' log-sum-exp in base 2. `weight`, of capped scores: the
    /// probabilities times the slope of the cap.
    __device__ __forceinline__ void probabilities(std::uint32_t (&probability)[M / 4],
                                                  std::uint32_t (&weight)[F::Capped ? M / 4 : 1],
                                                  const float (&s)[M / 2], const float* lse_log2,
                                                  int c) const {
#pragma unroll
        for (int i = 0; i < M / 8; ++i) {
            const float2 lse = *reinterpret_cast<const float2*>(lse_log2 + 8 * i + 2 * c);
#pragma unroll
            for (int h = 0; h < 2; ++h) {
                const float left = s[4 * i + 2 * h], right = s[4 * i + 2 * h + 1];
                const float first = exp2_fast(left * p.scale_log2 - lse.x),
                            second = exp2_fast(right * p.scale_log2 - lse.y);
                probability[2 * i + h] = pack(first, second);
                if constexpr (F::Capped)
                    weight[2 * i + h] = pack(first * p.cap.slope(left), second * p.cap.slope(right));
            }
        }
    }

    /// dS = weight (dP - delta), where the weights are the probabilities, times the slope of capped scores. From
    /// the rounded ones: that leaves the registers of the exact ones free.
    __device__ __forceinline__ void score_gradient(std::uint32_t (&ds)[M / 4],
                                                   const std::uint32_t (&weight)[M / 4],
                                                   const float (&dp)[M / 2], const float* deltas,
                                                   int c) const {
#pragma unroll
        for (int i = 0; i < M / 8; ++i) {
            const float2 delta = *reinterpret_cast<const float2*>(deltas + 8 * i + 2 * c);
            const std::uint32_t upper = weight[2 * i], lower = weight[2 * i + 1];
            ds[2 * i] =
                pack(low_half(upper) * (dp[4 * i] - delta.x), high_half(upper) * (dp[4 * i + 1] - delta.y));
            ds[2 * i + 1] = pack(low_half(lower) * (dp[4 * i + 2] - delta.x),
                                 high_half(lower) * (dp[4 * i + 3] - delta.y));
        }
    }

    /// `position`: of the thread's two keys.
    __device__ __forceinline__ void store(const ThreadKeys<F::Windowed>& keys, int kv_head, int key_end,
                                          const int (&position)[2], float (&dk)[D / 2],
                                          const float (&dv)[D / 2]) const {
        const std::int64_t stride = std::int64_t(p.query_heads + 2 * p.kv_heads) * D;
        __nv_bfloat16* const to = p.d_qkv + keys.key0 * stride + (p.query_heads + kv_head) * D;
        const bool valid[2] = {keys.key0 < key_end, keys.key1 < key_end};
        const RowAngles<D> angles[2] = {{p.rotation, position[0]}, {p.rotation, position[1]}};
        store_row(to + p.kv_heads * D, valid[0], dv, 0, 1.0f);
        store_row(to + p.kv_heads * D + 8 * stride, valid[1], dv, 1, 1.0f);
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            turn_back<D / 16>(dk, h, angles[h], p.rotation.groups);
            store_row(to + 8 * h * stride, valid[h], dk, h, p.scale);
        }
    }

    __device__ __forceinline__ void run() const {
        const int half = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0) - 1;
        const int warp = __shfl_sync(0xffffffffu, threadIdx.x / 32 % 4, 0);
        const int lane = threadIdx.x % 32, c = lane % 4;
        const int row = half * 64 + warp * 16 + lane / 4;  // this thread's keys in the tile: `row`, `row` + 8

        Ring<Pipeline::Stages> rows;
        Ring<Pipeline::KeyStages> items;
        const auto pass = [&](int tiles) {
            for (; tiles > 0; --tiles) {
                mbarrier_wait(shared.query_full(rows.stage), rows.round);
                mbarrier_wait(shared.d_out_full(rows.stage), rows.round);
                take_turn(half);
                give_turn(half);
                warp_arrive(shared.row_empty(rows.stage));
                rows.next();
            }
        };
        if (half == 1) give_turn(half);
        for (;; items.next()) {
            mbarrier_wait(shared.key_full(items.stage), items.round);
            const Tiles::Item& item = shared.item(items.stage);
            const std::uint32_t key_half = shared.key(items.stage) + half * 64 * 128,
                                value_half = shared.value(items.stage) + half * 64 * 128;
            const int kv_head = item.kv_head;
            if (kv_head < 0) {
                if constexpr (LeavesScores)
                    if (lane == 0) tma_wait_until_read();
                return;
            }
            const int key_end = item.key_end, tiles = item.tiles;
            ThreadKeys<F::Windowed> keys(p, item, key_end, row, half * 64 + warp * 16);
            const int position[2] = {position_of(p.rotation, keys.key0, keys.key0 < key_end),
                                     position_of(p.rotation, keys.key1, keys.key1 < key_end)};
            const TilesInSight in_sight(item, half, p.tile_tokens);
            int first = item.query_begin + (in_sight.end - 1) * p.tile_tokens;
            // Of gradients of scores: this warp's strip, and where it goes for the next query tile.
            const int strip = half * 4 + warp, strips = item.strips;
            int place = item.first_strip + (in_sight.end - 1) * strips + strip;
            pass(tiles - in_sight.end);

            float dk[D / 2], dv[D / 2];
#pragma unroll
            for (int i = 0; i < D / 2; ++i) dk[i] = dv[i] = 0;
            int previous = -1;
            std::uint32_t ds[M / 4];
            const auto leave_scores = [&] {
                if constexpr (LeavesScores) {
                    if (strip < strips)
                        store_strip<M>(p.scores + std::int64_t(place) * (Pipeline::strip_bytes / 16),
                                       shared.strip(strip), ds);
                    place -= strips;
                }
            };
            for (int j = in_sight.begin; j < in_sight.end; ++j, first -= p.tile_tokens) {
                const std::uint32_t query = shared.query(rows.stage);
                const std::uint32_t d_out = shared.d_out(rows.stage);
                const float* const stats = shared.stats(rows.stage);

                float s[M / 2], dp[M / 2];
                mbarrier_wait(shared.query_full(rows.stage), rows.round);
                take_turn(half);
                wgmma_fence();
                multiply_rows(s, key_half, query);
                wgmma_commit();
                if (previous >= 0) leave_scores();  // of the tile before, beside these products
                wgmma_wait<1>();                    // dK of the tile before
                if (previous >= 0) warp_arrive(shared.row_empty(previous));
                mbarrier_wait(shared.d_out_full(rows.stage), rows.round);
                wgmma_fence();
                multiply_rows(dp, value_half, d_out);
                wgmma_commit();
                give_turn(half);

                if (j == in_sight.begin) keys.settle();
                wgmma_wait<1>();
                wgmma_hold(s);
                if constexpr (F::Capped) p.cap.apply(s);
                keys.hide_invisible(s, first, reinterpret_cast<const int*>(stats + 2 * M), c, p);
                std::uint32_t probability[M / 4], weight[F::Capped ? M / 4 : 1];
                probabilities(probability, weight, s, stats, c);
                wgmma_fence();
                multiply_add<D, M>(dv, probability, d_out);
                wgmma_commit();

                wgmma_wait<1>();
                wgmma_hold(dp);
                if constexpr (F::Capped)
                    score_gradient(ds, weight, dp, stats + M, c);
                else
                    score_gradient(ds, probability, dp, stats + M, c);
                wgmma_fence();
                multiply_add<D, M>(dk, ds, query);
                wgmma_commit();
                if constexpr (M == 128) wgmma_wait<0>();  // no registers to go on meanwhile
                previous = rows.stage;
                rows.next();
            }
            if (previous >= 0) leave_scores();
            wgmma_wait<0>();
            if (previous >= 0) warp_arrive(shared.row_empty(previous));
            const Part part(item);
            warp_arrive(shared.key_empty(items.stage));
            wgmma_hold(dk);
            wgmma_hold(dv);
            if (part.parts == 1 || join_parts<D>(p, part, 4 * half + warp, dk, dv))
                store(keys, kv_head, key_end, position, dk, dv);
            pass(in_sight.begin);
        }
    }
};

}  // namespace wishbone::cuda::sm90::backward
