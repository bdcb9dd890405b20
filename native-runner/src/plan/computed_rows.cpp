#include "plan/computed_rows.h"

#include <numeric>

namespace wishbone {

std::vector<std::int32_t> computed_rows(const BinView& bin) {
    const auto length = static_cast<std::int32_t>(bin.tokens.size());
    std::vector<std::int32_t> rows;
    if (bin.target_row.empty()) {
        rows.resize(bin.tokens.size());
        std::iota(rows.begin(), rows.end(), 0);
        return rows;
    }
    std::vector<bool> computed(bin.tokens.size());
    for (const std::int32_t row : bin.target_row) computed[static_cast<std::size_t>(row)] = true;
    // What sees a row lies behind it and before `visible_until`, so the next computed row alone is to be looked at.
    std::int32_t next = length;
    for (std::int32_t row = length - 1; row >= 0; --row) {
        const auto k = static_cast<std::size_t>(row);
        if (next < bin.visible_until[k]) computed[k] = true;
        if (computed[k]) next = row;
    }
    for (std::int32_t row = 0; row < length; ++row)
        if (computed[static_cast<std::size_t>(row)]) rows.push_back(row);
    return rows;
}

ComputedBin::ComputedBin(const BinView& bin) : view_(bin) {
    const std::vector<std::int32_t> rows = computed_rows(bin);
    if (rows.size() == bin.tokens.size()) return;
    // How many rows before each one are computed: where it lies then, and where a range ends that ends there.
    std::vector<std::int32_t> place(bin.tokens.size() + 1);
    for (const std::int32_t row : rows) place[static_cast<std::size_t>(row) + 1] = 1;
    std::inclusive_scan(place.begin(), place.end(), place.begin());
    for (const std::int32_t row : rows) {
        const auto k = static_cast<std::size_t>(row);
        tokens_.push_back(bin.tokens[k]);
        position_.push_back(bin.position[k]);
        visible_until_.push_back(place[static_cast<std::size_t>(bin.visible_until[k])]);
    }
    for (const std::int32_t row : bin.target_row) target_row_.push_back(place[static_cast<std::size_t>(row)]);
    view_.tokens = tokens_;
    view_.position = position_;
    view_.visible_until = visible_until_;
    view_.target_row = target_row_;
}

}  // namespace wishbone
