#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "backend/backend.h"
#include "backend/cuda/runtime/device.h"
#include "backend/cuda/runtime/device_arrays.h"

/// Prefix-masked attention: key k is visible to query q exactly when k <= q < visible_until[k].
///
/// Layouts: qkv bf16 [T, Hq + 2·Hkv, D] (all query heads, then key heads, then value heads, rotary embedding
/// already applied), out bf16 [T, Hq·D], lse f32 [Hq, T] (natural log-sum-exp of scale · q·k over the visible
/// keys), d_qkv as qkv. T is any positive length and nothing is read or written behind it. Head sizes 64, 96,
/// 128 and 256; any number of query heads a KV head. Pointers are 16-byte aligned.
namespace wishbone::cuda {

/// Which kernels work on a mask (tests and benchmarks compare them): the best for the device; the same, but those of long sequences
/// whatever the mask: key tiles are large, and gradients of scores computed a second time, never kept from one pass to the next; those
/// that run everywhere.
enum class AttentionPath { automatic, long_sequences, portable };

/// Prepares one bin on the host and uploads what the kernels read to `place`, on whose stream alone the mask may be used; it must
/// not outlive it. Does not wait for the device. The arrays may go when the call returns. Throws
/// Error(bad_input) for heads that the kernels do not know, Error(internal) for a mask that breaks its rule,
/// Error(out_of_memory).
std::unique_ptr<AttentionMask> make_attention_mask(const Device& device, const ArrayPlace& place,
                                                   std::span<const std::int32_t> visible_until,
                                                   std::span<const std::int32_t> position,
                                                   AttentionShape shape,
                                                   AttentionPath path = AttentionPath::automatic);

/// Bytes of device memory attention_backward needs beside its arguments, 256-byte aligned.
std::size_t attention_backward_workspace(const AttentionMask& mask, std::int64_t tokens,
                                         AttentionShape shape);

/// Writes every element of out and lse. Throws Error(internal).
void attention_forward(const Device& device, cudaStream_t stream, __nv_bfloat16* out, float* lse,
                       const __nv_bfloat16* qkv, const AttentionMask& mask, std::int64_t tokens,
                       AttentionShape shape);

/// Whether attention_backward undoes this rotation. What it does not is left to `Backend::rope`, behind it.
bool attention_backward_rotates(const AttentionMask& mask, std::int64_t tokens, AttentionShape shape,
                                const Rotation& rotation);

/// Writes every element of d_qkv. `delta` [T, Hq]: Σ dO·O of each head, or null. `rotation`: none, or one that it undoes. The same inputs always give the same bits. Throws
/// Error(internal).
void attention_backward(const Device& device, cudaStream_t stream, __nv_bfloat16* d_qkv,
                        const __nv_bfloat16* d_out, const __nv_bfloat16* out, const float* lse,
                        const float* delta, const __nv_bfloat16* qkv, const AttentionMask& mask,
                        std::int64_t tokens, AttentionShape shape, const Rotation& rotation, void* workspace);

}  // namespace wishbone::cuda
