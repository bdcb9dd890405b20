#include <algorithm>
#include <string>

#include "model/rope_table.h"
#include "model/transformer/impl.h"
#include "plan/computed_rows.h"

namespace wishbone {

namespace {

/// Rows a target reads, distinct and ascending, and for each target its place among them.
struct ReadRows {
    std::vector<std::int32_t> rows, place;

    explicit ReadRows(std::span<const std::int32_t> target_row) : rows(target_row.begin(), target_row.end()) {
        std::sort(rows.begin(), rows.end());
        rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
        place.reserve(target_row.size());
        for (const std::int32_t row : target_row)
            place.push_back(
                static_cast<std::int32_t>(std::lower_bound(rows.begin(), rows.end(), row) - rows.begin()));
    }
};

}  // namespace

void Transformer::Impl::reach_position(std::int64_t positions) {
    if (positions <= rope_positions) return;
    const std::int64_t grown = std::max(positions, std::min<std::int64_t>(2 * rope_positions, 1 << 20));
    rope_positions = 0;
    for (std::size_t i = 0; i < rope_tables.size(); ++i) {
        if (depends_on_length(config.ropes[i]) && positions > longest)
            throw fault("a sequence is longer than was said before");
        const RopeTable table = rope_table(config, config.ropes[i], longest, grown);
        const std::size_t bytes = table.cos.size() * sizeof(float);
        RopeTables& tables = rope_tables[i];
        tables.memory = backend.allocate(2 * bytes);
        tables.cos =
            Tensor(tables.memory.get(), DType::f32, {grown, rotated_elements(config, config.ropes[i]) / 2});
        tables.sin = tables.cos;
        tables.sin.data = static_cast<std::byte*>(tables.memory.get()) + bytes;
        backend.upload(tables.cos, table.cos.data());
        backend.upload(tables.sin, table.sin.data());
    }
    rope_positions = grown;
}

std::vector<DeviceBin::View> Transformer::Impl::views_of(const BinView& view) {
    std::int64_t positions = 0;
    for (const std::int32_t position : view.position)
        positions = std::max(positions, std::int64_t{position} + 1);
    std::vector<DeviceBin::View> views;
    for (const std::int64_t window : windows) {
        AttentionShape own = shape;
        own.window = window < positions ? window : 0;
        const auto same = std::ranges::find_if(
            views, [&](const DeviceBin::View& other) { return other.shape.window == own.window; });
        if (same != views.end())
            views.push_back(*same);
        else
            views.push_back({own, backend.prepare_mask(view.visible_until, view.position, own)});
    }
    return views;
}

void Transformer::Impl::check(const BinView& view) const {
    const std::size_t length = view.tokens.size();
    if (view.position.size() != length || view.visible_until.size() != length ||
        view.target_token.size() != view.target_row.size())
        throw fault("the arrays of a bin differ in length");
    const auto outside = [](std::int64_t limit) {
        return [limit](std::int32_t value) { return value < 0 || value >= limit; };
    };
    if (std::any_of(view.tokens.begin(), view.tokens.end(), outside(config.vocab_size)) ||
        std::any_of(view.target_token.begin(), view.target_token.end(), outside(config.vocab_size)))
        throw fault("a bin has a token outside the model's vocabulary");
    if (std::any_of(view.target_row.begin(), view.target_row.end(),
                    outside(static_cast<std::int64_t>(length))) ||
        std::any_of(view.position.begin(), view.position.end(), outside(static_cast<std::int64_t>(length))) ||
        std::any_of(view.visible_until.begin(), view.visible_until.end(),
                    outside(static_cast<std::int64_t>(length) + 1)))
        throw fault("a bin has a target row, a position or the end of a range outside the bin");
}

std::shared_ptr<DeviceBin> Transformer::Impl::prepare(const BinView& whole) {
    check(whole);
    const ComputedBin computed(whole);
    const BinView& view = computed.view();
    const std::size_t length = view.tokens.size(), count = view.target_row.size();
    const ReadRows read(view.target_row);
    auto bin = std::make_shared<DeviceBin>();
    bin->tokens = static_cast<std::int64_t>(length);
    bin->rows = static_cast<std::int64_t>(read.rows.size());
    bin->targets = static_cast<std::int64_t>(count);
    if (length > 0) reach_position(1 + *std::max_element(view.position.begin(), view.position.end()));

    const auto padded = [](std::size_t n) { return (n + 63) / 64 * 64; };  // keeps each array aligned
    bin->memory = backend.allocate((2 * padded(length) + padded(read.rows.size()) + 2 * padded(count)) *
                                   sizeof(std::int32_t));
    std::size_t used = 0;
    const auto upload = [&](std::span<const std::int32_t> from) {
        Tensor tensor(static_cast<std::int32_t*>(bin->memory.get()) + used, DType::i32,
                      {static_cast<std::int64_t>(from.size())});
        used += padded(from.size());
        backend.upload(tensor, from.data());
        return tensor;
    };
    bin->token = upload(view.tokens);
    bin->position = upload(view.position);
    bin->read_row = upload(read.rows);
    bin->head.row = upload(read.place);
    bin->head.token = upload(view.target_token);
    bin->views = views_of(view);
    return bin;
}

}  // namespace wishbone
