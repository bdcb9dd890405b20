#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/query_gradient/pipeline.cuh"
#include "backend/cuda/attention/sm90/backward/query_rows.cuh"
#include "backend/cuda/primitives/fast_math.cuh"
#include "backend/cuda/primitives/sm90/ring.cuh"
#include "backend/cuda/primitives/sm90/tensor_map.h"
#include "backend/cuda/primitives/sm90/tma.cuh"

namespace wishbone::cuda::sm90::backward {

/// One warp that takes blocks and has their rows, and the keys these see, loaded.
template <class Pipeline>
struct QueryProducer {
    static constexpr int D = Pipeline::D, M = Pipeline::M, N = Pipeline::N, Stages = Pipeline::Stages;
    static constexpr int parts = block_rows / M;

    const Parameters& p;
    const Pipeline& shared;
    const CUtensorMap &query_map, &d_out_map, &out_map, &key_map;

    /// What the warp knows of a block; lane l has `lse` of rows l, l + 32, ...
    struct Block {
        int kv_head = 0;
        Tiles::QueryBlock block{-1, 0, 0, 0};
        Tiles::Query tiles[parts]{};
        float lse[block_rows / 32]{};

        __device__ int first() const { return tiles[0].begin; }
        __device__ int end() const {
            return parts == 1 ? tiles[0].end : max(tiles[0].end, tiles[parts - 1].end);
        }
    };

    /// The next block to work on; `block.first_tile` -1: there is none. By the whole warp, as what follows.
    __device__ __forceinline__ Block take() const {
        Block work;
        const int lane = threadIdx.x;
        int index = lane == 0 ? atomicAdd(p.next + 1, 1) : 0;
        index = __shfl_sync(0xffffffffu, index, 0);
        if (index >= p.query_item_count) return work;
        const Tiles::QueryItem item = p.query_items[index];
        work.kv_head = item.kv_head;
        work.block = p.query_blocks[item.block];
#pragma unroll
        for (int i = 0; i < parts; ++i)
            if (i < work.block.tiles) work.tiles[i] = p.queries[work.block.first_tile + i];
#pragma unroll
        for (int i = 0; i < block_rows / 32; ++i) {
            const int row = (32 * i + lane) % M, head = item.kv_head * p.group + row % p.group;
            const Tiles::Query tile = work.tiles[32 * i / M];
            work.lse[i] = is_query(tile, row, p.group)
                              ? log2_e * p.lse[std::int64_t(head) * p.tokens + tile.begin + row / p.group]
                              : INFINITY;
        }
        return work;
    }

    /// Loads the rows of the n-th block as soon as those before it are taken.
    __device__ __forceinline__ void load_rows(const Block& work, int n) const {
        const int lane = threadIdx.x;
        mbarrier_wait(shared.rows_empty(), (n & 1) ^ 1);
#pragma unroll
        for (int i = 0; i < block_rows / 32; ++i) shared.rows().lse[32 * i + lane] = work.lse[i];
        __syncwarp();
        if (lane != 0) {
            if (lane < warp_arrivals) mbarrier_arrive(shared.rows_full());
            return;
        }
        shared.rows().first_tile = work.block.first_tile;
        shared.rows().kv_head = work.kv_head;
#pragma unroll
        for (int i = 0; i < parts; ++i) shared.rows().tiles[i] = work.tiles[i];
        const int row_bytes = p.tile_tokens * p.group * D * 2;
        mbarrier_arrive_expect_tx(shared.rows_full(), 3 * work.block.tiles * row_bytes);
        for (int i = 0; i < work.block.tiles; ++i)
#pragma unroll
            for (int d = 0; d < D; d += swizzle_width) {
                const std::uint32_t to = shared.base + i * Pipeline::row_bytes + d * M * 2;
                const int token = work.first() + i * p.tile_tokens, head = work.kv_head * p.group;
                tma_load_3d(to + Pipeline::query_at, &query_map, shared.rows_full(), d, head, token);
                tma_load_3d(to + Pipeline::d_out_at, &d_out_map, shared.rows_full(), d, head, token);
                tma_load_3d(to + Pipeline::out_at, &out_map, shared.rows_full(), d, head, token);
            }
    }

    __device__ __forceinline__ void load_keys(const Tiles::KeyBlock& keys, int stage, int round,
                                              int kv_head) const {
        const int lane = threadIdx.x;
        std::int32_t until[N / 32];
#pragma unroll
        for (int i = 0; i < N / 32; ++i) {
            const int key = keys.begin + 32 * i + lane;
            until[i] = key < keys.end ? p.until[key] : 0;
        }
        mbarrier_wait(shared.key_empty(stage), round ^ 1);
        if (lane == 0) {
            shared.key_block(stage) = keys;
            mbarrier_arrive_expect_tx(shared.key_full(stage), 2 * Pipeline::key_bytes);
#pragma unroll
            for (int d = 0; d < D; d += swizzle_width) {
                const std::uint32_t to = shared.base + stage * Pipeline::key_bytes + d * N * 2;
                tma_load_3d(to + Pipeline::key_at, &key_map, shared.key_full(stage), d,
                            p.query_heads + kv_head, keys.begin);
                tma_load_3d(to + Pipeline::value_at, &key_map, shared.key_full(stage), d,
                            p.query_heads + p.kv_heads + kv_head, keys.begin);
            }
        }
#pragma unroll
        for (int i = 0; i < N / 32; ++i) shared.until(stage)[32 * i + lane] = until[i];
        warp_arrive(shared.key_full(stage));
    }

    __device__ __forceinline__ void run() const {
        const int lane = threadIdx.x;
        Ring<Stages> keys;
        Block work = take();
        load_rows(work, 0);
        for (int n = 1; work.block.first_tile >= 0; ++n) {
            const int first = work.first(), end = work.end(), kv_head = work.kv_head;
            const int key_blocks = work.block.key_blocks;
            const Tiles::KeyBlock* const list = p.key_blocks + work.block.first_key_block;
            // What is next is looked up now and loaded when this block's rows are taken: not when its keys
            // are all under way, which would be too late for so many rows.
            work = take();
            int loaded = 0;
            for (int from = 0; from < key_blocks; from += 32) {
                bool visible = false;
                if (from + lane < key_blocks) {
                    const Tiles::KeyBlock mine = list[from + lane];
                    visible = mine.begin < end && mine.last_until > first;
                }
                for (unsigned seen = __ballot_sync(0xffffffffu, visible); seen != 0; seen &= seen - 1) {
                    if (loaded++ == Stages) load_rows(work, n);
                    load_keys(list[from + __ffs(seen) - 1], keys.stage, keys.round, kv_head);
                    keys.next();
                }
            }
            if (loaded <= Stages) load_rows(work, n);
            mbarrier_wait(shared.key_empty(keys.stage), keys.round ^ 1);
            if (lane == 0) {
                shared.key_block(keys.stage).begin = -1;
                mbarrier_arrive(shared.key_full(keys.stage));
            }
            warp_arrive(shared.key_full(keys.stage));
            keys.next();
        }
    }
};

}  // namespace wishbone::cuda::sm90::backward
