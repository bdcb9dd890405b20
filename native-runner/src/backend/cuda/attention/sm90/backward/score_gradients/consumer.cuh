#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/query_rows.cuh"
#include "backend/cuda/attention/sm90/backward/rotation.cuh"
#include "backend/cuda/attention/sm90/backward/score_gradients/pipeline.cuh"
#include "backend/cuda/attention/sm90/backward/score_gradients/strips.cuh"
#include "backend/cuda/primitives/sm90/ring.cuh"
#include "backend/cuda/primitives/sm90/wgmma.cuh"

namespace wishbone::cuda::sm90::backward {

/// One of the two warpgroups that compute dQ, each of 128 rows of every item.
template <class Pipeline>
struct ScoreConsumer {
    static constexpr int D = Pipeline::D, M = Pipeline::M;
    static constexpr int units = score_rows / 2 / 64;  ///< of 64 rows, of a warpgroup

    const Parameters& p;
    const Pipeline& shared;

    __device__ __forceinline__ void run() const {
        const int half = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0) - 1;
        const int thread_row = threadIdx.x / 32 % 4 * 16 + threadIdx.x % 32 / 4;
        // Query tile of the item that a unit works on, and its first row in it.
        const auto part = [&](int unit) { return (half * units + unit) * 64 / M; };
        const auto first_row = [](int unit) { return unit * 64 % M; };
        Ring<Pipeline::Stages> ring;
        for (;;) {
            mbarrier_wait(shared.full(ring.stage), ring.round);
            const int kv_head = shared.step(ring.stage).kv_head;
            if (kv_head < 0) return;
            Tiles::Query tiles[units];
            int position[units][2];
            float dq[units][D / 2];
#pragma unroll
            for (int u = 0; u < units; ++u) {
                tiles[u] = shared.step(ring.stage).tiles[part(u)];
#pragma unroll
                for (int h = 0; h < 2; ++h) {
                    const int row = first_row(u) + thread_row + 8 * h;
                    position[u][h] = position_of(p.rotation, tiles[u].begin + row / p.group,
                                                 is_query(tiles[u], row, p.group));
                }
#pragma unroll
                for (int i = 0; i < D / 2; ++i) dq[u][i] = 0;
            }
            for (bool last = false; !last;) {
                mbarrier_wait(shared.full(ring.stage), ring.round);
                const int stage = ring.stage;
                // The same for all lanes, which the compiler must know where products depend on it.
                const int strips = __shfl_sync(0xffffffffu, shared.step(stage).strips, 0),
                          seen = __shfl_sync(0xffffffffu, shared.step(stage).seen, 0);
                last = __shfl_sync(0xffffffffu, shared.step(stage).last, 0) != 0;
                wgmma_fence();
#pragma unroll
                for (int u = 0; u < units; ++u)
                    multiply_add_strips<D>(
                        dq[u], shared.scores(stage, part(u)) + first_row(u) * strip_row_bytes,
                        Pipeline::strip, shared.key(stage), seen >> part(u) & 1 ? strips : 0, shared.zeros());
                wgmma_commit();
                wgmma_wait<0>();
#pragma unroll
                for (int u = 0; u < units; ++u) wgmma_hold(dq[u]);
                warp_arrive(shared.empty(stage));
                ring.next();
            }
#pragma unroll
            for (int u = 0; u < units; ++u) {
                const int row = first_row(u) + thread_row;
                store_query_gradients<D>(
                    p, tiles[u], kv_head, row, [&](int r) { return position[u][r == row ? 0 : 1]; }, dq[u]);
            }
        }
    }
};

}  // namespace wishbone::cuda::sm90::backward
