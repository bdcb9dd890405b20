#pragma once

#include <cstdint>
#include <span>

namespace wishbone {

/// Throws Error(internal) unless `visible_until` is a mask of prefix trees: k visible to q exactly when
/// k <= q < visible_until[k], with k < visible_until[k] <= T, and any two of these ranges nested or disjoint.
void check_prefix_mask(std::span<const std::int32_t> visible_until);

}  // namespace wishbone
