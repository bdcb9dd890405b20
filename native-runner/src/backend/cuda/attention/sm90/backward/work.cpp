#include "backend/cuda/attention/sm90/backward/work.h"

#include "backend/cuda/attention/sm90/backward/sizes.h"

namespace wishbone::cuda::sm90::backward {

Work::Work(const Device& device, const ArrayPlace& place, std::span<const std::int32_t> visible_until,
           std::span<const std::int32_t> first_seen, AttentionShape shape)
    : arrays_(place), windowed_(!first_seen.empty()) {
    const auto group = static_cast<std::int32_t>(shape.query_heads / shape.kv_heads);
    const int rows = query_rows(shape.head_dim);
    const Tiles tiles = make_tiles(visible_until, static_cast<std::int32_t>(shape.kv_heads),
                                   {.query_tile = rows / group,
                                    .key_tile = key_tile,
                                    .key_block = key_block(shape.head_dim),
                                    .block_tiles = block_rows / rows},
                                   device.multiprocessors, first_seen);
    query_tiles_ = static_cast<std::int32_t>(tiles.queries.size());
    items_ = static_cast<std::int32_t>(tiles.items.size());
    query_items_ = static_cast<std::int32_t>(tiles.query_items.size());
    sums_ = tiles.sums;

    item_list_ = arrays_.add(tiles.items);
    query_list_ = arrays_.add(tiles.queries);
    key_block_list_ = arrays_.add(tiles.key_blocks);
    query_block_list_ = arrays_.add(tiles.query_blocks);
    query_item_list_ = arrays_.add(tiles.query_items);
    until_ = arrays_.add(visible_until);
    if (windowed_) {
        by_all_until_ = arrays_.add(tiles.visible_by_all_until);
        first_seen_ = arrays_.add(first_seen);
    }
    arrays_.upload();
}

}  // namespace wishbone::cuda::sm90::backward
