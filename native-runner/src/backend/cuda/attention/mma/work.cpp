#include "backend/cuda/attention/mma/work.h"

namespace wishbone::cuda::mma {

Work::Work(const ArrayPlace& place, std::span<const std::int32_t> visible_until,
           std::span<const std::int32_t> first_seen, const AttentionShape& shape)
    : shape_(shape), tokens_(static_cast<std::int32_t>(visible_until.size())), arrays_(place) {
    const TileSizes sizes = tile_sizes(shape.head_dim);
    const Tiles tiles =
        make_tiles(visible_until, static_cast<std::int32_t>(shape.query_heads / shape.kv_heads), sizes.rows,
                   sizes.keys, first_seen);
    query_tile_count_ = static_cast<std::int32_t>(tiles.queries.size());
    key_tile_count_ = static_cast<std::int32_t>(tiles.keys.size());
    visible_until_ = arrays_.add(visible_until);
    runs_ = arrays_.add(tiles.runs);
    queries_ = arrays_.add(tiles.queries);
    keys_ = arrays_.add(tiles.keys);
    windowed_ = !first_seen.empty();
    first_seen_ = arrays_.add(first_seen);
    windows_ = arrays_.add(tiles.windows);
    arrays_.upload();
}

Attention Work::arguments(const __nv_bfloat16* qkv, float scale) const {
    return {.qkv = qkv,
            .visible_until = arrays_.at<std::int32_t>(visible_until_),
            .runs = arrays_.at<KeyRun>(runs_),
            .query_tiles = arrays_.at<QueryTile>(queries_),
            .key_tiles = arrays_.at<KeyTile>(keys_),
            .query_tile_count = query_tile_count_,
            .key_tile_count = key_tile_count_,
            .tokens = tokens_,
            .query_heads = static_cast<std::int32_t>(shape_.query_heads),
            .kv_heads = static_cast<std::int32_t>(shape_.kv_heads),
            .head_dim = static_cast<std::int32_t>(shape_.head_dim),
            .scale = scale,
            .softcap = shape_.softcap,
            .first_seen = windowed_ ? arrays_.at<std::int32_t>(first_seen_) : nullptr,
            .windows = windowed_ ? arrays_.at<QueryWindow>(windows_) : nullptr};
}

}  // namespace wishbone::cuda::mma
