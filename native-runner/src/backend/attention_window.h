#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace wishbone {

/// For each query the oldest token it sees through a sliding window: the first token k on its path with
/// position[q] - position[k] < window. Tokens of a path lie in the bin in the order of their positions, so
/// key k is visible to q exactly when first_seen[q] <= k <= q < visible_until[k]. `visible_until` is a mask
/// of prefix trees, `position` ascends along every path.
std::vector<std::int32_t> first_seen_tokens(std::span<const std::int32_t> visible_until,
                                            std::span<const std::int32_t> position, std::int64_t window);

}  // namespace wishbone
