#include "backend/cuda/attention/sm90/backward/work.h"

#include <algorithm>
#include <vector>

#include "backend/cuda/attention/sm90/backward/sizes.h"

namespace wishbone::cuda::sm90::backward {
namespace {

std::vector<std::int32_t> tiles_of_tokens(const Tiles& tiles, std::size_t tokens) {
    std::vector<std::int32_t> tile_of(tokens);
    for (std::size_t i = 0; i < tiles.queries.size(); ++i)
        std::fill(tile_of.begin() + tiles.queries[i].begin, tile_of.begin() + tiles.queries[i].end,
                  static_cast<std::int32_t>(i));
    return tile_of;
}

}  // namespace

Work::Work(const Device& device, const ArrayPlace& place, std::span<const std::int32_t> visible_until,
           std::span<const std::int32_t> first_seen, AttentionShape shape, std::int64_t most_score_bytes)
    : arrays_(place), windowed_(!first_seen.empty()) {
    const auto group = static_cast<std::int32_t>(shape.query_heads / shape.kv_heads);
    const int rows = query_rows(shape.head_dim);
    TileSizes sizes{.query_tile = rows / group,
                    .key_tile = key_tile,
                    .key_block = score_block,
                    .block_tiles = score_rows / rows,
                    .last_first = true};
    const auto make = [&] {
        return make_tiles(visible_until, static_cast<std::int32_t>(shape.kv_heads), sizes,
                          device.multiprocessors, first_seen);
    };
    Tiles tiles = make();
    if (tiles.strips * rows * strip_row_bytes <= most_score_bytes) {
        strips_ = tiles.strips;
    } else {
        sizes.key_block = key_block(shape.head_dim);
        sizes.block_tiles = block_rows / rows;
        sizes.last_first = false;
        tiles = make();
    }
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
    if (strips_ > 0) tile_of_token_ = arrays_.add(tiles_of_tokens(tiles, visible_until.size()));
    if (windowed_) {
        by_all_until_ = arrays_.add(tiles.visible_by_all_until);
        first_seen_ = arrays_.add(first_seen);
    }
    arrays_.upload();
}

}  // namespace wishbone::cuda::sm90::backward
