#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "backend/backend.h"
#include "backend/cuda/attention/sm90/backward/tiles.h"
#include "backend/cuda/runtime/device.h"

namespace wishbone::cuda {

/// Whether the Hopper backward pass handles heads of this shape: head sizes 64 and 128, at most 64 query
/// heads a KV head. Everything else is left to the portable one.
bool sm90_attention_backward_supports(AttentionShape shape);

/// The work of the backward pass over one bin, in device memory. Made once per bin; uploaded on `stream`,
/// where the memory is also freed again.
class Sm90AttentionBackwardMask {
  public:
    /// Throws Error(out_of_memory), and Error(internal) where `visible_until` is no mask.
    Sm90AttentionBackwardMask(cudaStream_t stream, std::span<const std::int32_t> visible_until,
                              AttentionShape shape);
    ~Sm90AttentionBackwardMask();
    Sm90AttentionBackwardMask(const Sm90AttentionBackwardMask&) = delete;
    Sm90AttentionBackwardMask& operator=(const Sm90AttentionBackwardMask&) = delete;

    std::int32_t query_tiles() const { return query_tiles_; }
    std::int32_t items() const { return items_; }
    std::int32_t query_items() const { return query_items_; }
    // In device memory:
    const std::int32_t* visible_until() const { return until_; }  ///< [T]
    const BackwardTiles::Query* query_list() const { return query_list_; }
    const BackwardTiles::Item* item_list() const { return item_list_; }
    const BackwardTiles::KeyBlock* key_block_list() const { return key_block_list_; }
    const BackwardTiles::QueryBlock* query_block_list() const { return query_block_list_; }
    const BackwardTiles::QueryItem* query_item_list() const { return query_item_list_; }

  private:
    cudaStream_t stream_;
    void* memory_ = nullptr;
    std::int32_t query_tiles_ = 0, items_ = 0, query_items_ = 0;
    const std::int32_t* until_ = nullptr;
    const BackwardTiles::Query* query_list_ = nullptr;
    const BackwardTiles::Item* item_list_ = nullptr;
    const BackwardTiles::KeyBlock* key_block_list_ = nullptr;
    const BackwardTiles::QueryBlock* query_block_list_ = nullptr;
    const BackwardTiles::QueryItem* query_item_list_ = nullptr;
};

/// Bytes of device memory sm90_attention_backward works in: row statistics, 8 bytes a token and query head.
std::size_t sm90_attention_backward_workspace(const Sm90AttentionBackwardMask& mask, AttentionShape shape,
                                              bool deterministic);

/// Gradient of prefix-masked attention. d_qkv, qkv bf16 [T, Hq + 2·Hkv, D]; d_out, out bf16 [T, Hq·D]; lse
/// f32 [Hq, T], natural log; `mask` made for the same tokens and shape; `workspace` 256-byte aligned. Every
/// element of d_qkv is written. The same inputs give the same bits whether `deterministic` is asked for or
/// not. Throws Error(internal).
void sm90_attention_backward(const Device& device, cudaStream_t stream, __nv_bfloat16* d_qkv,
                             const __nv_bfloat16* d_out, const __nv_bfloat16* out, const float* lse,
                             const __nv_bfloat16* qkv, const Sm90AttentionBackwardMask& mask,
                             std::int64_t tokens, AttentionShape shape, void* workspace, bool deterministic);

}  // namespace wishbone::cuda
