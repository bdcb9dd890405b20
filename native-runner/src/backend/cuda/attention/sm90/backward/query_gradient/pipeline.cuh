#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/sizes.h"
#include "backend/cuda/attention/sm90/backward/tiles.h"
#include "backend/cuda/attention/sm90/backward/turns.cuh"
#include "backend/cuda/primitives/sm90/barriers.cuh"

namespace wishbone::cuda::sm90::backward {

/// What query_gradient_kernel knows of the rows of a block. M: rows of a query tile.
template <int M>
struct Rows {
    int first_tile;  ///< -1: there are no more blocks
    int kv_head;
    Tiles::Query tiles[block_rows / M];  ///< empty ones behind the last
    float lse[block_rows];               ///< · log2(e); +inf for rows that are none
};

/// Shared memory of query_gradient_kernel: one block's rows, a ring of key blocks, and the barriers by which
/// they are handed over (full) and back (empty). D: head size; M: rows of a query tile; N: keys of a step.
template <int D_, int M_, int N_, int Stages_>
struct QueryPipeline {
    static constexpr int D = D_, M = M_, N = N_, Stages = Stages_;
    static constexpr int row_bytes = M * D * 2;
    static constexpr int block_bytes = block_rows * D * 2;
    static constexpr int key_bytes = N * D * 2;

    // Offsets.
    static constexpr int query_at = 0;
    static constexpr int d_out_at = query_at + block_bytes;
    static constexpr int out_at = d_out_at + block_bytes;
    static constexpr int key_at = out_at + block_bytes;
    static constexpr int value_at = key_at + Stages * key_bytes;
    static constexpr int until_at = value_at + Stages * key_bytes;
    static constexpr int key_blocks_at = until_at + Stages * N * 4;
    static constexpr int rows_at = key_blocks_at + Stages * static_cast<int>(sizeof(Tiles::KeyBlock));
    static constexpr int barriers_at = (rows_at + static_cast<int>(sizeof(Rows<M>)) + 7) / 8 * 8;
    static constexpr int bytes = barriers_at + 8 * (2 + 2 * Stages);
    static constexpr int allocated = bytes + 1024;  ///< room to align the start

    const std::uint32_t base;  ///< shared-memory address of the tiles, 1024-byte aligned
    std::uint8_t* const shared;

    __device__ std::uint32_t rows_full() const { return base + barriers_at; }
    __device__ std::uint32_t rows_empty() const { return base + barriers_at + 8; }
    __device__ std::uint32_t key_full(int stage) const { return base + barriers_at + 16 + 8 * stage; }
    __device__ std::uint32_t key_empty(int stage) const { return key_full(stage + Stages); }

    __device__ std::uint32_t key(int stage) const { return base + key_at + stage * key_bytes; }
    __device__ std::uint32_t value(int stage) const { return base + value_at + stage * key_bytes; }
    /// visible_until of a stage's keys; 0 of those that are none.
    __device__ std::int32_t* until(int stage) const {
        return reinterpret_cast<std::int32_t*>(shared + until_at) + stage * N;
    }
    /// Of the rows in shared memory.
    __device__ Rows<M>& rows() const { return *reinterpret_cast<Rows<M>*>(shared + rows_at); }
    /// Which keys a stage holds; `begin` -1 at the end of a block's.
    __device__ Tiles::KeyBlock& key_block(int stage) const {
        return reinterpret_cast<Tiles::KeyBlock*>(shared + key_blocks_at)[stage];
    }

    /// By one thread; a barrier of the block follows.
    __device__ __forceinline__ void init_barriers() const {
        mbarrier_init(rows_full(), warp_arrivals);
        mbarrier_init(rows_empty(), consumer_arrivals);
        for (int i = 0; i < Stages; ++i) {
            mbarrier_init(key_full(i), 1 + warp_arrivals);
            mbarrier_init(key_empty(i), consumer_arrivals);
        }
        mbarrier_fence_init();
    }
};

}  // namespace wishbone::cuda::sm90::backward
