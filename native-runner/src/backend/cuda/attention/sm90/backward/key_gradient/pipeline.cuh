#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/sizes.h"
#include "backend/cuda/attention/sm90/backward/tiles.h"
#include "backend/cuda/attention/sm90/backward/turns.cuh"
#include "backend/cuda/primitives/sm90/barriers.cuh"

namespace wishbone::cuda::sm90::backward {

/// Shared memory of key_gradient_kernel: a ring of items' keys and values, one of query tiles with their
/// statistics, and the barriers by which they are handed over (full) and back (empty). D: head size; M: rows
/// of a query tile; `RowStatistics`: numbers kept of each; `LeavesScores`: whether gradients of scores go to device memory, for which
/// each computing warp has a strip here.
template <int D_, int M_, int KeyStages_, int Stages_, int RowStatistics, bool LeavesScores_>
struct KeyPipeline {
    static constexpr int D = D_, M = M_, KeyStages = KeyStages_, Stages = Stages_;
    static constexpr bool LeavesScores = LeavesScores_;
    static constexpr int key_bytes = key_tile * D * 2;
    static constexpr int row_bytes = M * D * 2;
    static constexpr int stat_words = RowStatistics * M;
    static constexpr int stat_box = stat_words <= 256 ? stat_words : M;  ///< of a load: 256 at most
    static constexpr int stat_bytes = stat_words * 4;

    // Offsets.
    static constexpr int key_at = 0;
    static constexpr int value_at = key_at + KeyStages * key_bytes;
    static constexpr int query_at = value_at + KeyStages * key_bytes;
    static constexpr int d_out_at = query_at + Stages * row_bytes;
    static constexpr int strips_at = d_out_at + Stages * row_bytes;
    static constexpr int strip_bytes = LeavesScores ? M * strip_row_bytes : 0;
    static constexpr int stats_at = strips_at + consumer_warps * strip_bytes;
    static constexpr int item_at = stats_at + Stages * stat_bytes;
    static constexpr int barriers_at =
        (item_at + KeyStages * static_cast<int>(sizeof(Tiles::Item)) + 7) / 8 * 8;
    static constexpr int bytes = barriers_at + 8 * (2 * KeyStages + 3 * Stages);
    static constexpr int allocated = bytes + 1024;  ///< room to align the start

    const std::uint32_t base;  ///< shared-memory address of the tiles, 1024-byte aligned
    std::uint8_t* const shared;

    __device__ std::uint32_t key_full(int stage) const { return base + barriers_at + 8 * stage; }
    __device__ std::uint32_t key_empty(int stage) const { return key_full(stage + KeyStages); }
    __device__ std::uint32_t query_full(int stage) const { return key_full(stage + 2 * KeyStages); }
    __device__ std::uint32_t d_out_full(int stage) const { return query_full(stage + Stages); }
    __device__ std::uint32_t row_empty(int stage) const { return query_full(stage + 2 * Stages); }

    __device__ std::uint32_t key(int stage) const { return base + key_at + stage * key_bytes; }
    __device__ std::uint32_t value(int stage) const { return base + value_at + stage * key_bytes; }
    __device__ std::uint32_t query(int stage) const { return base + query_at + stage * row_bytes; }
    __device__ std::uint32_t d_out(int stage) const { return base + d_out_at + stage * row_bytes; }
    /// lse · log2(e) of the M rows of a stage, then delta of them, then what they see first.
    __device__ const float* stats(int stage) const {
        return reinterpret_cast<const float*>(shared + stats_at + stage * stat_bytes);
    }
    /// Of a computing warp, from 0.
    __device__ std::uint32_t strip(int warp) const { return base + strips_at + warp * strip_bytes; }
    /// Whose keys a stage holds; kv_head -1 at the end of all work.
    __device__ Tiles::Item& item(int stage) const {
        return reinterpret_cast<Tiles::Item*>(shared + item_at)[stage];
    }

    /// By one thread; a barrier of the block follows.
    __device__ __forceinline__ void init_barriers() const {
        for (int i = 0; i < KeyStages; ++i) {
            mbarrier_init(key_full(i), 1);
            mbarrier_init(key_empty(i), consumer_arrivals);
        }
        for (int i = 0; i < Stages; ++i) {
            mbarrier_init(query_full(i), 1);
            mbarrier_init(d_out_full(i), 1);
            mbarrier_init(row_empty(i), consumer_arrivals);
        }
        mbarrier_fence_init();
    }
};

}  // namespace wishbone::cuda::sm90::backward
