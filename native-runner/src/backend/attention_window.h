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

/// What the same window leaves of each key's queries. Key k is visible to no query from `seen_until[k]` on, and
/// to its last one before that; it is visible to all of [k, visible_by_all_until[k]), and to the next token no
/// longer. Both are visible_until[k] at most, and k + 1 at least.
struct WindowedKeys {
    std::vector<std::int32_t> seen_until, visible_by_all_until;
};

/// `first_seen` as `first_seen_tokens` gives it.
WindowedKeys windowed_keys(std::span<const std::int32_t> visible_until,
                           std::span<const std::int32_t> first_seen);

}  // namespace wishbone
