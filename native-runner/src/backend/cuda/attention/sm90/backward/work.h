#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>

#include "backend/backend.h"
#include "backend/cuda/attention/sm90/backward/tiles.h"
#include "backend/cuda/runtime/device.h"
#include "backend/cuda/runtime/device_arrays.h"

namespace wishbone::cuda::sm90::backward {

/// The work of the backward pass over one bin, in device memory. Made once per bin; uploaded to `place`,
/// where the memory is also freed again.
class Work {
  public:
    /// `first_seen` as make_tiles has it. Gradients of scores are kept where they have at most `most_score_bytes`.
    /// Throws Error(out_of_memory), and Error(internal) where `visible_until` is no mask.
    Work(const Device& device, const ArrayPlace& place, std::span<const std::int32_t> visible_until,
         std::span<const std::int32_t> first_seen, AttentionShape shape, std::int64_t most_score_bytes);

    std::int32_t query_tiles() const { return query_tiles_; }
    std::int32_t items() const { return items_; }
    std::int32_t query_items() const { return query_items_; }
    /// Places for sums of key tiles that are worked at in parts.
    std::int32_t sums() const { return sums_; }
    bool windowed() const { return windowed_; }
    /// Strips of gradients of scores that go from the key pass to the query pass; 0: the query pass computes them itself.
    std::int64_t strips() const { return strips_; }
    // In device memory:
    const std::int32_t* visible_until() const { return arrays_.at<std::int32_t>(until_); }  ///< [T]
    /// As in Tiles, [T]; null without a window.
    const std::int32_t* visible_by_all_until() const {
        return windowed_ ? arrays_.at<std::int32_t>(by_all_until_) : nullptr;
    }
    /// [T]; null without a window.
    const std::int32_t* first_seen() const {
        return windowed_ ? arrays_.at<std::int32_t>(first_seen_) : nullptr;
    }
    /// [T]: of each token its query tile; null without strips.
    const std::int32_t* tile_of_token() const {
        return strips_ > 0 ? arrays_.at<std::int32_t>(tile_of_token_) : nullptr;
    }
    const Tiles::Query* query_list() const { return arrays_.at<Tiles::Query>(query_list_); }
    const Tiles::Item* item_list() const { return arrays_.at<Tiles::Item>(item_list_); }
    const Tiles::KeyBlock* key_block_list() const { return arrays_.at<Tiles::KeyBlock>(key_block_list_); }
    const Tiles::QueryBlock* query_block_list() const {
        return arrays_.at<Tiles::QueryBlock>(query_block_list_);
    }
    const Tiles::QueryItem* query_item_list() const { return arrays_.at<Tiles::QueryItem>(query_item_list_); }

  private:
    DeviceArrays arrays_;
    std::int32_t query_tiles_ = 0, items_ = 0, query_items_ = 0, sums_ = 0;
    std::int64_t strips_ = 0;
    bool windowed_ = false;
    std::size_t until_ = 0, by_all_until_ = 0, first_seen_ = 0, query_list_ = 0, item_list_ = 0,
                key_block_list_ = 0, query_block_list_ = 0, query_item_list_ = 0, tile_of_token_ = 0;
};

}  // namespace wishbone::cuda::sm90::backward
