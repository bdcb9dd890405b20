#include "backend/cuda/attention/sm90/forward/work.h"

#include <algorithm>
#include <vector>

#include "backend/cuda/attention/sm90/forward/config.h"
#include "backend/require.h"

namespace wishbone::cuda::sm90::forward {
namespace {

/// As Work::visible_until says.
struct ShiftedCopies {
    std::size_t stride;
    std::vector<std::int32_t> words;

    explicit ShiftedCopies(std::span<const std::int32_t> visible_until)
        : stride((visible_until.size() + 3) / 4 * 4 + Tiles::slot_keys), words(4 * stride) {
        for (std::size_t shift = 0; shift < std::min<std::size_t>(4, visible_until.size()); ++shift)
            std::ranges::copy(visible_until.subspan(shift),
                              words.begin() + static_cast<std::ptrdiff_t>(shift * stride));
    }
};

bool sees_few(std::span<const std::int32_t> visible_until) {
    std::int64_t visible = 0;
    for (std::size_t k = 0; k < visible_until.size(); ++k)
        visible += visible_until[k] - static_cast<std::int32_t>(k);
    return visible <= few_keys * static_cast<std::int64_t>(visible_until.size());
}

}  // namespace

Work::Work(const ArrayPlace& place, std::span<const std::int32_t> visible_until,
           std::span<const std::int32_t> first_seen, AttentionShape shape, bool takes_many)
    : arrays_(place), few_(!takes_many && sees_few(visible_until)), windowed_(!first_seen.empty()) {
    require(has_config(shape.head_dim), "prepare_mask");
    const auto group = static_cast<std::int32_t>(shape.query_heads / shape.kv_heads);
    Tiles tiles;
    with_config(shape.head_dim, few_, [&]<class C>(C) {
        query_tile_ = C::Rows / group;
        tiles = make_tiles(visible_until, static_cast<std::int32_t>(shape.kv_heads), query_tile_, C::Slots,
                           first_seen);
    });
    item_count_ = static_cast<std::int32_t>(tiles.items.size());
    if (item_count_ == 0) return;

    const ShiftedCopies until(visible_until);
    until_stride_ = static_cast<std::int32_t>(until.stride);
    items_ = arrays_.add(tiles.items);
    slots_ = arrays_.add(tiles.slots);
    visible_until_ = arrays_.add(until.words);
    if (windowed_) {
        std::vector<std::int32_t> seen(first_seen.begin(), first_seen.end());
        seen.resize(seen.size() + static_cast<std::size_t>(query_tile_) + 1);
        first_seen_ = arrays_.add(seen);
    }
    counters_ = arrays_.reserve(2 * sizeof(std::int32_t));
    arrays_.upload();
}

}  // namespace wishbone::cuda::sm90::forward
