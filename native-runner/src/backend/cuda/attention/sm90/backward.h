#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "backend/backend.h"
#include "backend/cuda/attention/sm90/backward/work.h"
#include "backend/cuda/runtime/device.h"

namespace wishbone::cuda::sm90 {

/// Whether the Hopper backward pass handles heads of this shape: head sizes 64 and 128, at most 64 query
/// heads a KV head. Everything else is left to the portable one.
bool attention_backward_supports(AttentionShape shape);

/// Whether it turns gradients back itself: R/2 must be a multiple of 8. Everything else is left to `Backend::rope`.
bool attention_backward_rotates(const Rotation& rotation);

/// Bytes of device memory attention_backward works in: row statistics, 8 bytes a token and query head, 12
/// with a window; gradients of scores, where there are no more of them than backward::most_score_bytes; and sums of key tiles that are
/// worked at in parts, some MB where a few keys are seen by nearly all.
std::size_t attention_backward_workspace(const backward::Work& work, AttentionShape shape);

/// Gradient of prefix-masked attention. d_qkv, qkv bf16 [T, Hq + 2·Hkv, D]; d_out, out bf16 [T, Hq·D]; lse
/// f32 [Hq, T], natural log; delta f32 [T, Hq], Σ dO·O, or null: then that is computed as well; `work` made for the same tokens and shape; `rotation` none or one it takes; `workspace` 256-byte aligned.
/// Every element of d_qkv is written. The same inputs always give the same bits. Throws Error(internal).
void attention_backward(const Device& device, cudaStream_t stream, __nv_bfloat16* d_qkv,
                        const __nv_bfloat16* d_out, const __nv_bfloat16* out, const float* lse,
                        const float* delta, const __nv_bfloat16* qkv, const backward::Work& work,
                        std::int64_t tokens, AttentionShape shape, const Rotation& rotation, void* workspace);

}  // namespace wishbone::cuda::sm90
