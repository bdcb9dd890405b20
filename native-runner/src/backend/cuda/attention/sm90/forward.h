#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>

#include "backend/backend.h"
#include "backend/cuda/attention/sm90/forward/tiles.h"
#include "backend/cuda/runtime/device.h"

namespace wishbone::cuda {

/// Whether the Hopper forward pass handles heads of this shape (head sizes 64, 96, 128 and 256, up to 128
/// query heads a KV head, a positive scale). Everything else is left to the portable one.
bool sm90_attention_forward_supports(AttentionShape shape);

/// The work of the forward pass over one bin, in device memory. Made once per bin; uploaded on `stream`,
/// where the memory is also freed again. One call at a time may use it: it holds the counter of work handed
/// out.
class Sm90AttentionTiles {
  public:
    /// Throws Error(out_of_memory), and Error(internal) where `visible_until` is no mask.
    Sm90AttentionTiles(const Device& device, cudaStream_t stream, std::span<const std::int32_t> visible_until,
                       AttentionShape shape);
    /// For tiles of other sizes than the shape's own: query rows (tokens times the query heads of a KV head).
    Sm90AttentionTiles(cudaStream_t stream, std::span<const std::int32_t> visible_until, AttentionShape shape,
                       std::int32_t query_rows, std::int32_t key_rows);
    ~Sm90AttentionTiles();
    Sm90AttentionTiles(const Sm90AttentionTiles&) = delete;
    Sm90AttentionTiles& operator=(const Sm90AttentionTiles&) = delete;

    std::int32_t query_tile() const { return query_tile_; }  ///< tokens
    std::int32_t item_count() const { return item_count_; }
    const ForwardTiles::Item* items() const { return items_; }  ///< device
    const std::int32_t* slots() const { return slots_; }        ///< device
    /// Device: copies of visible_until, the one s · until_stride() on begins with token s (0 to 3).
    const std::int32_t* visible_until() const { return visible_until_; }
    std::int32_t until_stride() const { return until_stride_; }
    std::int32_t* counters() const { return counters_; }  ///< device, zero between calls

  private:
    void build(std::span<const std::int32_t> visible_until, const AttentionShape& shape,
               std::int32_t query_rows, std::int32_t key_rows);

    cudaStream_t stream_;
    void* memory_ = nullptr;
    std::int32_t query_tile_ = 0, item_count_ = 0, until_stride_ = 0;
    const ForwardTiles::Item* items_ = nullptr;
    const std::int32_t* slots_ = nullptr;
    const std::int32_t* visible_until_ = nullptr;
    std::int32_t* counters_ = nullptr;
};

/// Prefix-masked attention. qkv bf16 [T, Hq + 2·Hkv, D]; out bf16 [T, Hq·D]; lse f32 [Hq, T], natural log of
/// the sum of exp(scale · q·k) over visible keys; `tiles` made for the same tokens and shape; all 16-byte
/// aligned. Every element of out and lse is written. The same inputs give the same bits. Throws
/// Error(internal).
void sm90_attention_forward(const Device& device, cudaStream_t stream, __nv_bfloat16* out, float* lse,
                            const __nv_bfloat16* qkv, const Sm90AttentionTiles& tiles, std::int64_t tokens,
                            AttentionShape shape);

}  // namespace wishbone::cuda
