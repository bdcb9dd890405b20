#include "train/bin_ahead.h"

#include <algorithm>
#include <span>
#include <utility>

namespace wishbone {

namespace {

/// All that a transformer reads of a bin.
std::array<std::span<const std::int32_t>, 5> arrays_of(const BinView& bin) {
    return {bin.tokens, bin.position, bin.visible_until, bin.target_row, bin.target_token};
}

}  // namespace

void BinAhead::prepare(const BinView& bin) {
    device_ = nullptr;
    const auto arrays = arrays_of(bin);
    for (std::size_t i = 0; i < arrays.size(); ++i) values_[i].assign(arrays[i].begin(), arrays[i].end());
    device_ = transformer_.prepare(bin);
}

std::shared_ptr<DeviceBin> BinAhead::take(const BinView& bin) {
    const std::shared_ptr<DeviceBin> device = std::exchange(device_, nullptr);
    const auto arrays = arrays_of(bin);
    const bool same =
        device != nullptr && std::ranges::equal(arrays, values_, [](const auto& a, const auto& b) {
            return std::ranges::equal(a, b);
        });
    return same ? device : transformer_.prepare(bin);
}

}  // namespace wishbone
