#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/key_gradient/pipeline.cuh"
#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/primitives/sm90/ring.cuh"
#include "backend/cuda/primitives/sm90/tensor_map.h"
#include "backend/cuda/primitives/sm90/tma.cuh"

namespace wishbone::cuda::sm90::backward {

/// One thread that takes items and has their keys and values, and the query tiles that see them, loaded.
template <class Pipeline>
struct KeyProducer {
    static constexpr int D = Pipeline::D, M = Pipeline::M;

    const Parameters& p;
    const Pipeline& shared;
    const CUtensorMap &query_map, &d_out_map, &key_map, &stats_map;

    __device__ __forceinline__ void run() const {
        const int row_bytes = p.tile_tokens * p.group * D * 2;
        Ring<Pipeline::Stages> rows;
        int index = atomicAdd(p.next, 1);
        for (int n = 0;; ++n) {
            if (index >= p.item_count) {
                mbarrier_wait(shared.key_empty(), (n & 1) ^ 1);
                shared.item().kv_head = -1;
                mbarrier_arrive(shared.key_full());
                return;
            }
            const Tiles::Item item = p.items[index];
            const int head = item.kv_head * p.group;
            const int stats = (item.kv_head * p.query_tiles + item.first_tile) * Pipeline::stat_words;
            for (int j = 0; j < item.tiles; ++j) {
                // From the last tile down: all items of a segment and those above it start at the same one.
                const int tile = item.tiles - 1 - j, token = item.query_begin + tile * p.tile_tokens;
                mbarrier_wait(shared.row_empty(rows.stage), rows.round ^ 1);
                mbarrier_arrive_expect_tx(shared.query_full(rows.stage), row_bytes + Pipeline::stat_bytes);
#pragma unroll
                for (int d = 0; d < D; d += swizzle_width)
                    tma_load_3d(shared.query(rows.stage) + d * M * 2, &query_map,
                                shared.query_full(rows.stage), d, head, token);
#pragma unroll
                for (int i = 0; i < Pipeline::stat_words; i += Pipeline::stat_box)
                    tma_load_1d(shared.base + Pipeline::stats_at + rows.stage * Pipeline::stat_bytes + i * 4,
                                &stats_map, shared.query_full(rows.stage),
                                stats + tile * Pipeline::stat_words + i);
                if (j == 0) {
                    // The first queries of an item are loaded while the keys of the one before are in use.
                    mbarrier_wait(shared.key_empty(), (n & 1) ^ 1);
                    shared.item() = item;
                    mbarrier_arrive_expect_tx(shared.key_full(), 2 * Pipeline::key_bytes);
#pragma unroll
                    for (int d = 0; d < D; d += swizzle_width)
                        tma_load_3d(shared.base + Pipeline::key_at + d * key_tile * 2, &key_map,
                                    shared.key_full(), d, p.query_heads + item.kv_head, item.key_begin);
#pragma unroll
                    for (int d = 0; d < D; d += swizzle_width)
                        tma_load_3d(shared.base + Pipeline::value_at + d * key_tile * 2, &key_map,
                                    shared.key_full(), d, p.query_heads + p.kv_heads + item.kv_head,
                                    item.key_begin);
                }
                mbarrier_arrive_expect_tx(shared.d_out_full(rows.stage), row_bytes);
#pragma unroll
                for (int d = 0; d < D; d += swizzle_width)
                    tma_load_3d(shared.d_out(rows.stage) + d * M * 2, &d_out_map,
                                shared.d_out_full(rows.stage), d, head, token);
                // Not earlier: who has taken an item cannot leave it to a block that is done before.
                if (j == item.tiles - 1) index = atomicAdd(p.next, 1);
                rows.next();
            }
        }
    }
};

}  // namespace wishbone::cuda::sm90::backward
