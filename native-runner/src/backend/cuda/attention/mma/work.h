#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>

#include "backend/backend.h"
#include "backend/cuda/attention/mma/attention.h"
#include "backend/cuda/runtime/device_arrays.h"

namespace wishbone::cuda::mma {

/// The work of both passes over one bin, in device memory. Made once per bin; uploaded to `place`, where the
/// memory is also freed again.
class Work {
  public:
    /// `first_seen` as in make_tiles. Throws Error(out_of_memory), and Error(internal) where `visible_until`
    /// is no mask.
    Work(const ArrayPlace& place, std::span<const std::int32_t> visible_until,
         std::span<const std::int32_t> first_seen, const AttentionShape& shape);

    Attention arguments(const __nv_bfloat16* qkv, float scale) const;

  private:
    AttentionShape shape_;
    std::int32_t tokens_;
    DeviceArrays arrays_;
    std::size_t visible_until_ = 0, runs_ = 0, queries_ = 0, keys_ = 0, first_seen_ = 0, windows_ = 0;
    bool windowed_ = false;
    std::int32_t query_tile_count_ = 0, key_tile_count_ = 0;
};

}  // namespace wishbone::cuda::mma
