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

WindowedKeys windowed_keys(std::span<const std::int32_t> visible_until,
                           std::span<const std::int32_t> first_seen) {
    const auto at = [](std::int32_t token) { return static_cast<std::size_t>(token); };
    const auto tokens = static_cast<std::int32_t>(visible_until.size());
    WindowedKeys keys{.seen_until = std::vector<std::int32_t>(visible_until.size(), 0),
                      .visible_by_all_until = {visible_until.begin(), visible_until.end()}};

    // Down the tokens, with the path of each. Of a path's keys those that some query no longer saw come first.
    std::vector<std::int32_t> parent(visible_until.size()), path;
    std::size_t left = 0;
    for (std::int32_t q = 0; q < tokens; ++q) {
        while (!path.empty() && visible_until[at(path.back())] <= q) path.pop_back();
        left = std::min(left, path.size());
        parent[at(q)] = path.empty() ? -1 : path.back();
        path.push_back(q);
        for (; path[left] < first_seen[at(q)]; ++left) keys.visible_by_all_until[at(path[left])] = q;
    }

    // Up the tokens: whoever sees a key first sees it last. `parent` skips the keys that were seen.
    const auto next_unseen = [&](std::int32_t k) {
        while (k >= 0 && keys.seen_until[at(k)] != 0) {
            const std::int32_t above = parent[at(k)];
            if (above >= 0 && keys.seen_until[at(above)] != 0) parent[at(k)] = parent[at(above)];
            k = parent[at(k)];
        }
        return k;
    };
    for (std::int32_t q = tokens - 1; q >= 0; --q)
        for (std::int32_t k = next_unseen(q); k >= first_seen[at(q)]; k = next_unseen(k))
            keys.seen_until[at(k)] = q + 1;
    return keys;
}

}  // namespace wishbone
