#include "backend/attention_window.h"

#include <algorithm>

namespace wishbone {

std::vector<std::int32_t> first_seen_tokens(std::span<const std::int32_t> visible_until,
                                            std::span<const std::int32_t> position, std::int64_t window) {
    std::vector<std::int32_t> first, path;
    first.reserve(visible_until.size());
    for (std::size_t q = 0; q < visible_until.size(); ++q) {
        while (!path.empty() &&
               visible_until[static_cast<std::size_t>(path.back())] <= static_cast<std::int32_t>(q))
            path.pop_back();
        path.push_back(static_cast<std::int32_t>(q));
        const std::int64_t unseen = position[q] - window;  // the last position that is too far away
        first.push_back(*std::ranges::partition_point(path, [&](std::int32_t k) {
            return static_cast<std::size_t>(k) != q && position[static_cast<std::size_t>(k)] <= unseen;
        }));
    }
    return first;
}

}  // namespace wishbone
