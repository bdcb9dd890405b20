#pragma once

#include <cuda_bf16.h>

#include "backend/cuda/attention/mma/attention.h"
#include "backend/cuda/attention/mma/divider.h"
#include "backend/cuda/attention/mma/extension.cuh"
#include "backend/cuda/attention/mma/key.cuh"
#include "backend/cuda/attention/mma/tiles.h"

namespace wishbone::cuda::mma {

/// A call's arguments.
struct ForwardArguments {
    const __nv_bfloat16* qkv;
    __nv_bfloat16* out;
    float* lse;
    const int* visible_until;
    const KeyRun* runs;
    const QueryTile* tiles;
    Divider group;
    int tokens, query_heads, kv_heads;
    float scale_log2;
    Extension extension;
};

/// Sizes of the kernel for a head size.
template <int head_dim>
struct ForwardSizes {
    static constexpr int rows = tile_sizes(head_dim).rows, columns = 64;
    /// 32 rows a warp use what is loaded twice as often as 16, which pays where loads from shared memory are
    /// the limit; with small heads it is better to have more warps that wait for each other's loads.
    static constexpr int warps = head_dim > 64 ? 4 : 8, threads = 32 * warps;
    static constexpr int blocks = rows / (16 * warps);  ///< of 16 rows, a warp
    static constexpr int chunks = columns / 16;
    static constexpr int steps = head_dim / 16;
    /// Queries stay in registers where there is room for them.
    static constexpr bool keep_queries = head_dim < 128;
    static constexpr int query_bytes = rows * head_dim * 2, key_bytes = columns * head_dim * 2;
    static constexpr int shared_bytes =
        query_bytes + 2 * key_bytes + 2 * columns * static_cast<int>(sizeof(Key));
};

}  // namespace wishbone::cuda::mma
