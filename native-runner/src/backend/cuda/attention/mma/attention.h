#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "backend/cuda/attention/mma/tiles.h"

/// Prefix-masked attention on mma.sync, for compute capability 8.0 and later; head sizes 64, 96, 128 and 256,
/// any number of query heads a KV head. Blocks need at most 99 KiB of shared memory.
namespace wishbone::cuda::mma {

/// Sizes of the tiles that the kernels for a head size are given: rows of a QueryTile, keys of a KeyTile.
struct TileSizes {
    std::int32_t rows, keys;
};
constexpr TileSizes tile_sizes(std::int64_t head_dim) { return {head_dim > 128 ? 64 : 128, 64}; }

constexpr bool attention_supports(std::int64_t head_dim) {
    return head_dim == 64 || head_dim == 96 || head_dim == 128 || head_dim == 256;
}

/// One call's arguments. Lists are in device memory.
struct Attention {
    const __nv_bfloat16* qkv;           ///< [T, Hq + 2·Hkv, D]
    const std::int32_t* visible_until;  ///< [T]
    const KeyRun* runs;
    const QueryTile* query_tiles;
    const KeyTile* key_tiles;
    std::int32_t query_tile_count, key_tile_count;
    std::int32_t tokens, query_heads, kv_heads, head_dim;
    float scale;
    float softcap = 0;                         ///< 0: none
    const std::int32_t* first_seen = nullptr;  ///< [T]; null without a window
    const QueryWindow* windows = nullptr;      ///< of each query tile; null without a window

    /// Whether scores are capped or a window hides keys, for which there are kernels of their own.
    bool extended() const { return softcap > 0 || first_seen != nullptr; }
};

/// out bf16 [T, Hq·D], lse f32 [Hq, T].
void attention_forward(cudaStream_t stream, const Attention& a, __nv_bfloat16* out, float* lse);

/// Row statistics, float2 [Hkv, T·group].
std::size_t attention_backward_workspace(std::int64_t tokens, std::int64_t query_heads);

/// Writes every element of d_qkv, in a fixed order of additions.
void attention_backward(cudaStream_t stream, const Attention& a, __nv_bfloat16* d_qkv,
                        const __nv_bfloat16* d_out, const __nv_bfloat16* out, const float* lse,
                        void* workspace);

}  // namespace wishbone::cuda::mma
