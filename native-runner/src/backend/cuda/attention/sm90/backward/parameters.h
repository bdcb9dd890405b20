#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "backend/cuda/attention/score_cap.cuh"
#include "backend/cuda/attention/sm90/backward/tiles.h"

namespace wishbone::cuda::sm90::backward {

/// The rotation (backend.h) that gradients of queries and keys are turned back by before they are rounded, in device memory.
struct RowRotation {
    const float *cos, *sin;        ///< [positions, 8 · groups], 8-byte aligned
    const std::int32_t* position;  ///< [tokens]
    std::int32_t groups;           ///< R/2 / 8; 0: none
};

/// A call's arguments, for both kernels. Lists are those of Work.
struct Parameters {
    const Tiles::Item* items;
    const Tiles::Query* queries;
    const Tiles::QueryBlock* query_blocks;
    const Tiles::QueryItem* query_items;
    const Tiles::KeyBlock* key_blocks;
    const std::int32_t* until;
    const float* lse;
    /// [Hkv][query tile][row_statistics][M], in the order of the tile's rows; written by the pass before the key
    /// pass. lse is +inf for rows that are none, which makes their probabilities 0; delta = Σ dO·O;
    /// the first token seen is a whole number.
    float* stats;
    __nv_bfloat16* d_qkv;
    int* next;  ///< item, query item
    /// Of each part of a key tile that has several: dK and dV of each thread's keys, as its registers have them.
    float4* sums;
    uint4* scores;    ///< strips of gradients of scores (score_gradients/strips.cuh), where any are kept
    int* parts_done;  ///< [sums][warps that compute], of part 0's place: how many are
    std::int32_t item_count, query_item_count, query_tiles;
    std::int32_t tokens, query_heads, kv_heads, group, tile_tokens;
    float scale, scale_log2;
    RowRotation rotation;
    ScoreCap cap;
    // Null without a window:
    const std::int32_t* first_seen;
    const std::int32_t* visible_by_all_until;
};

}  // namespace wishbone::cuda::sm90::backward
