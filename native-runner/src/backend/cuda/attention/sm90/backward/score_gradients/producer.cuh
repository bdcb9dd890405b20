#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/score_gradients/pipeline.cuh"
#include "backend/cuda/primitives/sm90/barriers.cuh"
#include "backend/cuda/primitives/sm90/ring.cuh"
#include "backend/cuda/primitives/sm90/tensor_map.h"
#include "backend/cuda/primitives/sm90/tma.cuh"

namespace wishbone::cuda::sm90::backward {

/// One warp that takes query items and has the keys that they see, and the gradients of their scores, loaded.
template <class Pipeline>
struct ScoreProducer {
    static constexpr int D = Pipeline::D, M = Pipeline::M, parts = Pipeline::parts;

    const Parameters& p;
    const Pipeline& shared;
    const CUtensorMap& key_map;

    /// What the warp knows of an item; `index` from `p.query_item_count` on: there is none.
    struct Item {
        int index;
        Tiles::QueryItem item{};
        Tiles::QueryBlock block{};
    };
    /// The number of an item that nobody else takes, in lane 0.
    __device__ __forceinline__ int take() const { return threadIdx.x == 0 ? atomicAdd(p.next + 1, 1) : 0; }
    __device__ __forceinline__ Item look_up(int taken) const {
        Item work{__shfl_sync(0xffffffffu, taken, 0)};
        if (work.index < p.query_item_count) {
            work.item = p.query_items[work.index];
            work.block = p.query_blocks[work.item.block];
        }
        return work;
    }

    /// By lane 0. `strips`: the first strip of each query tile that sees the keys.
    __device__ __forceinline__ void load(const typename Pipeline::Step& step, int key_begin,
                                         const int (&strips)[parts], int stage, int round) const {
        const std::uint32_t full = shared.full(stage);
        const int bytes = step.strips * Pipeline::strip;
        mbarrier_wait(shared.empty(stage), round ^ 1);
        shared.step(stage) = step;
        mbarrier_arrive_expect_tx(full, Pipeline::key_bytes + __popc(step.seen) * bytes);
#pragma unroll
        for (int i = 0; i < parts; ++i)
            if (step.seen >> i & 1)
                bulk_load(shared.scores(stage, i),
                          p.scores + std::int64_t(strips[i]) * (Pipeline::strip / 16), bytes, full);
#pragma unroll
        for (int d = 0; d < D; d += swizzle_width)
            tma_load_3d(shared.key(stage) + d * score_block * 2, &key_map, full, d,
                        p.query_heads + step.kv_head, key_begin);
    }

    __device__ __forceinline__ void run() const {
        const int lane = threadIdx.x;
        Ring<Pipeline::Stages> ring;
        Item work = look_up(take());
        int next = take();
        while (work.index < p.query_item_count) {
            // The item behind this one is looked up while this one's loads are under way, and the one behind that asked for.
            const Item ahead = look_up(next);
            next = take();
            typename Pipeline::Step step;
            step.kv_head = work.item.kv_head;
#pragma unroll
            for (int i = 0; i < parts; ++i)
                step.tiles[i] =
                    i < work.block.tiles ? p.queries[work.block.first_tile + i] : Tiles::Query{0, 0};
            const Tiles::KeyBlock* const list = p.key_blocks + work.block.first_key_block;
            for (int from = 0; from < work.block.key_blocks; from += 32) {
                int key_begin = 0, strips = 0, visible = 0, first_strip[parts] = {};
                if (from + lane < work.block.key_blocks) {
                    const Tiles::KeyBlock mine = list[from + lane];
                    key_begin = mine.begin;
                    strips = (mine.end - mine.begin + Tiles::strip_keys - 1) / Tiles::strip_keys;
#pragma unroll
                    for (int i = 0; i < parts; ++i) {
                        const int begin = step.tiles[i].begin;
                        if (begin < step.tiles[i].end && begin < mine.last_until &&
                            begin + p.tile_tokens > mine.begin)
                            visible |= 1 << i;
                        first_strip[i] = work.item.first_strip + mine.first_strip +
                                         (begin - mine.query_begin) / p.tile_tokens * mine.tile_strips;
                    }
                }
                // The item sees the last key block of its list.
                const bool last_ones = from + 32 >= work.block.key_blocks;
                for (unsigned seen = __ballot_sync(0xffffffffu, visible != 0); seen != 0;) {
                    const int source = __ffs(seen) - 1;
                    seen &= seen - 1;
                    int at[parts];
#pragma unroll
                    for (int i = 0; i < parts; ++i) at[i] = __shfl_sync(0xffffffffu, first_strip[i], source);
                    const int begin = __shfl_sync(0xffffffffu, key_begin, source);
                    step.strips = __shfl_sync(0xffffffffu, strips, source);
                    step.seen = __shfl_sync(0xffffffffu, visible, source);
                    step.last = last_ones && seen == 0;
                    if (lane == 0) load(step, begin, at, ring.stage, ring.round);
                    __syncwarp();
                    ring.next();
                }
            }
            work = ahead;
        }
        if (lane == 0) {
            mbarrier_wait(shared.empty(ring.stage), ring.round ^ 1);
            shared.step(ring.stage).kv_head = -1;
            mbarrier_arrive(shared.full(ring.stage));
        }
    }
};

}  // namespace wishbone::cuda::sm90::backward
