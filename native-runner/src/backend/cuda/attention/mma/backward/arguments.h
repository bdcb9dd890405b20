#pragma once

#include <cuda_bf16.h>

#include "backend/cuda/attention/mma/divider.h"
#include "backend/cuda/attention/mma/extension.cuh"
#include "backend/cuda/attention/mma/tiles.h"

namespace wishbone::cuda::mma {

/// Of a row.
struct Statistics {
    float lse_log2;  ///< log-sum-exp of the row's scores, base 2
    float delta;     ///< sum of d_out · out
};

/// A call's arguments, for all three kernels.
struct BackwardArguments {
    __nv_bfloat16* d_qkv;
    const __nv_bfloat16* d_out;
    const __nv_bfloat16* out;
    const float* lse;
    const __nv_bfloat16* qkv;
    Statistics* statistics;  ///< [Hkv, T·group]
    const int* visible_until;
    const KeyRun* runs;
    const QueryTile* query_tiles;
    const KeyTile* key_tiles;
    Divider group;
    int tokens, query_heads, kv_heads;
    float scale, scale_log2;
    Extension extension;
};

}  // namespace wishbone::cuda::mma
