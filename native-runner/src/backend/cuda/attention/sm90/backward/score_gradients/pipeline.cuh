#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/score_gradients/strips.cuh"
#include "backend/cuda/attention/sm90/backward/sizes.h"
#include "backend/cuda/attention/sm90/backward/tiles.h"
#include "backend/cuda/attention/sm90/backward/turns.cuh"
#include "backend/cuda/primitives/sm90/barriers.cuh"

namespace wishbone::cuda::sm90::backward {

/// One key block of an item, as a stage of score_product_kernel holds it. `Parts`: query tiles of an item.
template <int Parts>
struct ScoreStep {
    int kv_head;  ///< -1: there is no more work
    Tiles::Query tiles[Parts];
    int strips;  ///< of a query tile that sees the keys
    int seen;    ///< bit i: tile i does
    int last;    ///< 1: no more keys of this item
};

/// Shared memory of score_product_kernel: a ring of key blocks and gradients of scores, and the barriers by which they are handed
/// over (full) and back (empty). D: head size; M: rows of a query tile.
template <int D_, int M_, int Stages_>
struct ScorePipeline {
    static constexpr int D = D_, M = M_, Stages = Stages_;
    static constexpr int parts = score_rows / M;
    static constexpr int key_bytes = score_block * D * 2;
    static constexpr int strip = M * strip_row_bytes;
    static constexpr int score_bytes = score_block / Tiles::strip_keys * strip;
    using Step = ScoreStep<parts>;

    // Offsets.
    static constexpr int key_at = 0;
    static constexpr int scores_at = key_at + Stages * key_bytes;
    static constexpr int zeros_at = scores_at + Stages * parts * score_bytes;
    static constexpr int step_at = zeros_at + warpgroup_strip_bytes;
    static constexpr int barriers_at = (step_at + Stages * static_cast<int>(sizeof(Step)) + 7) / 8 * 8;
    static constexpr int bytes = barriers_at + 8 * 2 * Stages;
    static constexpr int allocated = bytes + 1024;  ///< room to align the start

    const std::uint32_t base;  ///< shared-memory address of the tiles, 1024-byte aligned
    std::uint8_t* const shared;

    __device__ std::uint32_t full(int stage) const { return base + barriers_at + 8 * stage; }
    __device__ std::uint32_t empty(int stage) const { return full(stage + Stages); }

    __device__ std::uint32_t key(int stage) const { return base + key_at + stage * key_bytes; }
    /// The first strip of a query tile of the item.
    __device__ std::uint32_t scores(int stage, int part) const {
        return base + scores_at + (stage * parts + part) * score_bytes;
    }
    /// A strip of 64 rows without gradients.
    __device__ std::uint32_t zeros() const { return base + zeros_at; }
    __device__ Step& step(int stage) const { return reinterpret_cast<Step*>(shared + step_at)[stage]; }

    /// By all threads; a barrier of the block follows.
    __device__ __forceinline__ void prepare() const {
        for (int i = threadIdx.x; i < warpgroup_strip_bytes / 16; i += threads)
            reinterpret_cast<uint4*>(shared + zeros_at)[i] = make_uint4(0, 0, 0, 0);
        fence_proxy_async();
        if (threadIdx.x != 0) return;
        for (int i = 0; i < Stages; ++i) {
            mbarrier_init(full(i), 1);
            mbarrier_init(empty(i), consumer_arrivals);
        }
        mbarrier_fence_init();
    }
};

}  // namespace wishbone::cuda::sm90::backward
