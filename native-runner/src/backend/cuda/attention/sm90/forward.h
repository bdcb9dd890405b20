#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/backend.h"
#include "backend/cuda/attention/sm90/forward/work.h"
#include "backend/cuda/runtime/device.h"

namespace wishbone::cuda::sm90 {

/// Whether the Hopper forward pass handles heads of this shape (head sizes 64, 96, 128 and 256, up to 128
/// query heads a KV head, a positive scale). Everything else is left to the portable one.
bool attention_forward_supports(AttentionShape shape);

/// Prefix-masked attention. qkv bf16 [T, Hq + 2·Hkv, D]; out bf16 [T, Hq·D]; lse f32 [Hq, T], natural log of
/// the sum of exp(scale · q·k) over visible keys; `work` made for the same tokens and shape; all 16-byte
/// aligned. Every element of out and lse is written. The same inputs give the same bits. Throws
/// Error(internal).
void attention_forward(const Device& device, cudaStream_t stream, __nv_bfloat16* out, float* lse,
                       const __nv_bfloat16* qkv, const forward::Work& work, std::int64_t tokens,
                       AttentionShape shape);

}  // namespace wishbone::cuda::sm90
