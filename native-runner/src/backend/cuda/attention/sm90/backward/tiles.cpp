#include "backend/cuda/attention/sm90/backward/tiles.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "backend/attention_window.h"
#include "core/error.h"

namespace wishbone::cuda::sm90::backward {
namespace {

// Trees are joined until a group has this many tokens, so that tiny trees fill key tiles together.
constexpr std::int32_t least_group = 128;

// Key tiles are only cut at segment starts at least this far apart: a shorter segment saves less than the
// extra tile costs.
constexpr std::int32_t least_cut = 16;

// What a key tile costs beside its query tiles (loading keys and values, storing their gradients), in query
// tiles.
constexpr std::int32_t tile_cost = 3;

// Query tiles of the smallest part that a key tile is divided into: what a part costs, with writing its sums and having them read, is
// little beside.
constexpr std::int32_t least_part = 32;

// What a query block costs beside its key blocks (loading rows, storing their gradient), in key blocks.
constexpr std::int32_t block_cost = 3;

/// Puts the last of a list longest first, enough of them that all processors end at about the same time. Those
/// before keep their order, which is that of the memory they read.
template <typename Item, typename Cost>
void longest_first_at_the_end(std::vector<Item>& list, std::int32_t processors, const Cost& cost) {
    std::int64_t longest = 0, sum = 0;
    auto tail = list.end();
    while (tail != list.begin() && sum * 4 < std::int64_t{5} * processors * longest + 1) {
        --tail;
        longest = std::max<std::int64_t>(longest, cost(*tail));
        sum += cost(*tail);
    }
    std::stable_sort(tail, list.end(), [&](const Item& a, const Item& b) { return cost(a) > cost(b); });
}

/// In how many parts an item is best worked at, by what each processor has to do of all of them: what takes half as long again or
/// more alone is divided, into parts of half of that. Below, parts cost more than the wait.
std::int32_t parts_of(const Tiles::Item& item, std::int64_t work_of_each) {
    if (2 * (item.tiles + tile_cost) < 3 * work_of_each) return 1;
    const std::int64_t most = std::max<std::int64_t>(least_part, work_of_each / 2);
    return static_cast<std::int32_t>((item.tiles + most - 1) / most);
}

struct Cutter {
    std::span<const std::int32_t> until, seen_until;
    std::int32_t query_tile, key_tile;
    std::vector<std::int32_t> run_end;  ///< of each token: where its run of equal `until` ends
    std::vector<char> cut_allowed;
    // Of each position in a group: least cost of the key tiles before it, and where the last of them begins.
    std::vector<std::int32_t> cost, from;

    /// `seen`: of each key where the queries that see it end.
    explicit Cutter(std::span<const std::int32_t> visible_until, std::span<const std::int32_t> seen,
                    std::int32_t query, std::int32_t key)
        : until(visible_until), seen_until(seen), query_tile(query), key_tile(key) {
        const std::size_t length = until.size();
        run_end.resize(length);
        cut_allowed.resize(length + 1);
        for (std::size_t k = length; k-- > 0;)
            run_end[k] = k + 1 < length && until[k] == until[k + 1] ? run_end[k + 1]
                                                                    : static_cast<std::int32_t>(k + 1);
        std::int32_t last = 0;
        for (std::int32_t k = 0; k < static_cast<std::int32_t>(length); k = run_end[std::size_t(k)])
            if (k - last >= least_cut) cut_allowed[std::size_t(k)] = 1, last = k;
        cost.resize(length + 1, std::numeric_limits<std::int32_t>::max());
        from.resize(length + 1);
    }

    std::int32_t tiles_seeing(std::int32_t origin, std::int32_t begin, std::int32_t last_until) const {
        return (last_until - origin + query_tile - 1) / query_tile - (begin - origin) / query_tile;
    }

    /// Starts of the key tiles of the group [begin, end), ascending, and `end`.
    std::vector<std::int32_t> cut(std::int32_t begin, std::int32_t end) {
        cost[std::size_t(begin)] = 0;
        for (std::int32_t at = begin; at < end; ++at) {
            if (cost[std::size_t(at)] == std::numeric_limits<std::int32_t>::max()) continue;
            const std::int32_t limit = std::min(at + key_tile, end);
            std::int32_t last_until = 0;
            for (std::int32_t to = at; to < limit;) {
                to = std::min(run_end[std::size_t(to)], limit);
                // Whoever sees a key of a run sees those behind it.
                last_until = std::max(last_until, seen_until[std::size_t(to - 1)]);
                if (to != limit && !cut_allowed[std::size_t(to)]) continue;
                const std::int32_t total =
                    cost[std::size_t(at)] + tile_cost + tiles_seeing(begin, at, last_until);
                if (total < cost[std::size_t(to)]) {
                    cost[std::size_t(to)] = total;
                    from[std::size_t(to)] = at;
                }
            }
        }
        std::vector<std::int32_t> starts{end};
        while (starts.back() != begin) starts.push_back(from[std::size_t(starts.back())]);
        std::reverse(starts.begin(), starts.end());
        // The next group begins where this one ends.
        cost[std::size_t(end)] = std::numeric_limits<std::int32_t>::max();
        return starts;
    }
};

}  // namespace

Tiles make_tiles(std::span<const std::int32_t> visible_until, std::int32_t kv_heads, const TileSizes& sizes,
                 std::int32_t processors, std::span<const std::int32_t> first_seen) {
    Tiles out;
    WindowedKeys windowed;
    std::span<const std::int32_t> seen_until = visible_until, visible_by_all_until = visible_until;
    if (!first_seen.empty()) {
        windowed = windowed_keys(visible_until, first_seen);
        out.visible_by_all_until = std::move(windowed.visible_by_all_until);
        seen_until = windowed.seen_until;
        visible_by_all_until = out.visible_by_all_until;
    }
    const auto length = static_cast<std::int32_t>(visible_until.size());
    const auto last_until = [&](std::int32_t begin, std::int32_t end) {
        return *std::max_element(seen_until.begin() + begin, seen_until.begin() + end);
    };
    Cutter cutter(visible_until, seen_until, sizes.query_tile, sizes.key_tile);
    struct Group {
        std::vector<Tiles::Item> items;    ///< for KV head 0
        std::vector<std::int32_t> blocks;  ///< query blocks
        std::int64_t work = 0;             ///< of the items
        std::int64_t strips = 0;           ///< of one KV head
    };
    std::vector<Group> groups;
    std::vector<std::int32_t> block_steps;  // of each query block

    for (std::int32_t begin = 0; begin < length;) {
        std::int32_t end = begin, tree_end = begin;
        while (end < length && (end < tree_end || end - begin < least_group)) {
            const std::int32_t until = visible_until[std::size_t(end)];
            if (until <= end || until > length)
                throw Error(ExitCode::internal, "visible_until is no mask", "attention",
                            "This is a fault of the runner, please report it.");
            tree_end = std::max(tree_end, until);
            end = std::min(cutter.run_end[std::size_t(end)], tree_end);
        }

        const auto first_tile = static_cast<std::int32_t>(out.queries.size());
        for (std::int32_t q = begin; q < end; q += sizes.query_tile)
            out.queries.push_back({q, std::min(q + sizes.query_tile, end)});
        const auto tiles = static_cast<std::int32_t>(out.queries.size()) - first_tile;
        const std::int32_t block_tokens = sizes.query_tile * sizes.block_tiles;
        Group& group = groups.emplace_back();
        // Of each query block what its queries see first, with a window, how many key blocks it sees, the first and the end of the last.
        struct Sight {
            std::int32_t oldest = 0, steps = 0, first = -1, end = 0;
        };
        std::vector<Sight> sights(std::size_t((end - begin + block_tokens - 1) / block_tokens));
        if (!first_seen.empty())
            for (std::size_t b = 0; b < sights.size(); ++b) {
                const auto from = begin + static_cast<std::int32_t>(b) * block_tokens;
                sights[b].oldest = *std::min_element(first_seen.begin() + from,
                                                     first_seen.begin() + std::min(from + block_tokens, end));
            }

        const std::vector<std::int32_t> starts = cutter.cut(begin, end);
        std::vector<Tiles::Item> list;
        std::int64_t sum = 0;
        for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
            const std::int32_t from = starts[i], to = starts[i + 1];
            const std::int32_t middle = std::min(from + sizes.key_tile / 2, to);
            const std::int32_t first_half = last_until(from, middle);
            const std::int32_t second_half = middle < to ? last_until(middle, to) : 0;
            const std::int32_t skipped = (from - begin) / sizes.query_tile;
            list.push_back({.kv_head = 0,
                            .key_begin = from,
                            .key_end = to,
                            .query_begin = begin + skipped * sizes.query_tile,
                            .first_tile = first_tile + skipped,
                            .tiles = cutter.tiles_seeing(begin, from, std::max(first_half, second_half)),
                            .last_until = {first_half, second_half},
                            .part = 0,
                            .parts = 1,
                            .first_sums = 0,
                            .strips = (to - from + Tiles::strip_keys - 1) / Tiles::strip_keys,
                            .first_strip = static_cast<std::int32_t>(group.strips)});
            const Tiles::Item& item = list.back();
            sum += item.tiles + tile_cost;
            for (std::int32_t k = from; k < to; k += sizes.key_block) {
                const std::int32_t stop = std::min(k + sizes.key_block, to);
                const std::int32_t least =
                    *std::min_element(visible_by_all_until.begin() + k, visible_by_all_until.begin() + stop);
                const std::int32_t greatest = last_until(k, stop);
                const auto number = static_cast<std::int32_t>(out.key_blocks.size());
                out.key_blocks.push_back({.begin = k,
                                          .end = stop,
                                          .least_until = least,
                                          .last_until = greatest,
                                          .query_begin = item.query_begin,
                                          .tile_strips = item.strips,
                                          .first_strip = item.first_strip + (k - from) / Tiles::strip_keys});
                for (std::int32_t b = (k - begin) / block_tokens; b * block_tokens < greatest - begin; ++b) {
                    Sight& sight = sights[std::size_t(b)];
                    if (stop <= sight.oldest) continue;
                    if (sight.first < 0) sight.first = number;
                    sight.end = number + 1;
                    ++sight.steps;
                }
            }
            group.strips += std::int64_t{item.strips} * item.tiles;
        }
        std::stable_sort(list.begin(), list.end(),
                         [](const auto& a, const auto& b) { return a.tiles > b.tiles; });
        group.items = std::move(list);
        group.work = sum;

        for (std::int32_t tile = 0; tile < tiles; tile += sizes.block_tiles) {
            const Sight& sight = sights[std::size_t(tile / sizes.block_tiles)];
            block_steps.push_back(sight.steps);
            group.blocks.push_back(static_cast<std::int32_t>(out.query_blocks.size()));
            out.query_blocks.push_back({first_tile + tile, std::min(sizes.block_tiles, tiles - tile),
                                        sight.first, sight.end - sight.first});
        }
        begin = end;
    }

    // What one group and head read stays in the L2 cache when its items, and its query blocks, start one after
    // another: all its key tiles go through its queries from the last one down, all its query blocks through
    // its keys from the first one up.
    std::stable_sort(groups.begin(), groups.end(),
                     [](const Group& a, const Group& b) { return a.work > b.work; });
    const auto steps_of = [&](std::int32_t block) { return block_steps[std::size_t(block)]; };
    std::int64_t work = 0;
    for (const Group& group : groups) work += group.work * kv_heads;
    for (Group& group : groups) {
        std::stable_sort(group.blocks.begin(), group.blocks.end(),
                         [&](std::int32_t a, std::int32_t b) { return steps_of(a) > steps_of(b); });
        for (std::int32_t head = 0; head < kv_heads; ++head) {
            for (Tiles::Item item : group.items) {
                item.kv_head = head;
                item.first_strip += static_cast<std::int32_t>(out.strips);
                item.parts = parts_of(item, work / std::max(processors, 1));
                if (item.parts == 1) {
                    out.items.push_back(item);
                    continue;
                }
                item.first_sums = out.sums;
                out.sums += item.parts;
                const std::int32_t first_tile = item.first_tile, query_begin = item.query_begin,
                                   tiles = item.tiles, first_strip = item.first_strip;
                for (item.part = 0; item.part < item.parts; ++item.part) {
                    const std::int32_t from = tiles * item.part / item.parts,
                                       to = tiles * (item.part + 1) / item.parts;
                    item.first_tile = first_tile + from;
                    item.query_begin = query_begin + from * sizes.query_tile;
                    item.first_strip = first_strip + from * item.strips;
                    item.tiles = to - from;
                    out.items.push_back(item);
                }
            }
            for (const std::int32_t block : group.blocks)
                out.query_items.push_back({block, head, static_cast<std::int32_t>(out.strips)});
            out.strips += group.strips;
        }
    }
    if (sizes.last_first) std::reverse(out.query_items.begin(), out.query_items.end());
    longest_first_at_the_end(out.items, processors,
                             [](const Tiles::Item& item) { return item.tiles + tile_cost; });
    longest_first_at_the_end(out.query_items, processors,
                             [&](const Tiles::QueryItem& item) { return steps_of(item.block) + block_cost; });
    return out;
}

}  // namespace wishbone::cuda::sm90::backward
