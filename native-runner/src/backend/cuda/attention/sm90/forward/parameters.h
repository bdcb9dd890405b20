#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "backend/cuda/attention/score_cap.cuh"
#include "backend/cuda/attention/sm90/forward/tiles.h"

namespace wishbone::cuda::sm90::forward {

/// A call's arguments. Lists are those of Work.
struct Parameters {
    const Tiles::Item* items;
    const std::int32_t* slots;
    int* counters;  ///< items handed out, blocks that are done
    __nv_bfloat16* out;
    float* lse;
    std::int64_t tokens;
    std::int32_t until_stride, item_count, query_heads, kv_heads, group, tile_tokens;
    float scale, scale_log2;
    ScoreCap cap;
    const std::int32_t* first_seen;  ///< null without a window
};

}  // namespace wishbone::cuda::sm90::forward
