#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>

#include "backend/backend.h"
#include "backend/cuda/attention/sm90/forward/tiles.h"
#include "backend/cuda/runtime/device_arrays.h"

namespace wishbone::cuda::sm90::forward {

/// The work of the forward pass over one bin, in device memory. Made once per bin; uploaded to `place`,
/// where the memory is also freed again. One call at a time may use it: it holds the counter of work handed
/// out.
class Work {
  public:
    /// `first_seen` as make_tiles has it; `takes_many`: as if queries saw many keys. Throws Error(out_of_memory), and Error(internal)
    /// where `visible_until` is no mask.
    Work(const ArrayPlace& place, std::span<const std::int32_t> visible_until,
         std::span<const std::int32_t> first_seen, AttentionShape shape, bool takes_many);

    /// Whether queries see few keys, so that another kernel is faster (config.h).
    bool few() const { return few_; }

    std::int32_t query_tile() const { return query_tile_; }  ///< tokens
    std::int32_t item_count() const { return item_count_; }
    /// Words from one copy of visible_until to the next.
    std::int32_t until_stride() const { return until_stride_; }
    // In device memory:
    const Tiles::Item* items() const { return arrays_.at<Tiles::Item>(items_); }
    const std::int32_t* slots() const { return arrays_.at<std::int32_t>(slots_); }
    /// Four copies of visible_until; the one s · until_stride() on begins with token s (0 to 3), so that each
    /// slot begins at a multiple of 16 bytes in one of them. Zeros are behind.
    const std::int32_t* visible_until() const { return arrays_.at<std::int32_t>(visible_until_); }
    /// The first token that each sees, with zeros behind for the rows of a tile that are none; null without a
    /// window.
    const std::int32_t* first_seen() const {
        return windowed_ ? arrays_.at<std::int32_t>(first_seen_) : nullptr;
    }
    std::int32_t* counters() const { return arrays_.at<std::int32_t>(counters_); }  ///< zero between calls

  private:
    DeviceArrays arrays_;
    std::int32_t query_tile_ = 0, item_count_ = 0, until_stride_ = 0;
    bool few_, windowed_;
    std::size_t items_ = 0, slots_ = 0, visible_until_ = 0, first_seen_ = 0, counters_ = 0;
};

}  // namespace wishbone::cuda::sm90::forward
