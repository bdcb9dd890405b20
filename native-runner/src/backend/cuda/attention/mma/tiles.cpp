#include "backend/cuda/attention/mma/tiles.h"

#include <algorithm>
#include <numeric>

#include "backend/prefix_mask.h"

namespace wishbone::cuda::mma {
namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Where each token hangs in a mask of prefix trees.
struct Paths {
    explicit Paths(std::span<const std::int32_t> until)
        : parent(until.size()), depth(until.size()), run(until.size()), root(until.size()) {
        const auto tokens = static_cast<std::int32_t>(until.size());
        for (std::int32_t k = 0; k < tokens; ++k) {
            // Up from the predecessor: tokens that have ended are never looked at again.
            std::int32_t above = k - 1;
            while (above >= 0 && until[index(above)] <= k) above = parent[index(above)];
            parent[index(k)] = above;
            depth[index(k)] = above < 0 ? 0 : depth[index(above)] + 1;
            root[index(k)] = above < 0 ? k : root[index(above)];
            if (above < 0 || above != k - 1) {
                run[index(k)] = static_cast<std::int32_t>(runs.size());
                runs.push_back({k, depth[index(k)], above < 0 ? -1 : run[index(above)], 0});
            } else {
                run[index(k)] = run[index(above)];
            }
        }
    }

    std::vector<std::int32_t> parent, depth, run, root;
    std::vector<KeyRun> runs;
};

/// Puts tiles in the order to start them. Tiles of one tree stay together, so that what they share stays in
/// the cache; the costliest trees come first and within a tree the costliest tiles, so that the last blocks
/// to start are short. `tree[i]` and `cost[i]` belong to tiles[i]; tiles of a tree are neighbours.
template <typename Tile>
void order(std::vector<Tile>& tiles, const std::vector<std::int32_t>& tree,
           const std::vector<std::int64_t>& cost) {
    struct Key {
        std::int64_t tree_cost, cost;
        std::int32_t begin;
    };
    std::vector<Key> keys(tiles.size());
    for (std::size_t i = 0; i < tiles.size();) {
        std::size_t end = i;
        std::int64_t whole = 0;
        while (end < tiles.size() && tree[end] == tree[i]) whole += cost[end++];
        for (std::size_t j = i; j < end; ++j) keys[j] = {whole, cost[j], static_cast<std::int32_t>(i)};
        i = end;
    }
    std::vector<std::size_t> places(tiles.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
        const Key &x = keys[a], &y = keys[b];
        if (x.tree_cost != y.tree_cost) return x.tree_cost > y.tree_cost;
        if (x.begin != y.begin) return x.begin < y.begin;
        return x.cost > y.cost;
    });
    std::vector<Tile> ordered;
    ordered.reserve(tiles.size());
    for (const std::size_t place : places) ordered.push_back(tiles[place]);
    tiles = std::move(ordered);
}

}  // namespace

Tiles make_tiles(std::span<const std::int32_t> visible_until, std::int32_t group, std::int32_t rows,
                 std::int32_t columns, std::span<const std::int32_t> first_seen) {
    check_prefix_mask(visible_until);
    const auto tokens = static_cast<std::int32_t>(visible_until.size());
    Paths paths(visible_until);
    Tiles tiles;

    struct WindowedTile {
        QueryTile tile;
        QueryWindow window;
    };
    std::vector<WindowedTile> queries;
    std::vector<std::int32_t> tree;
    std::vector<std::int64_t> cost;
    const std::int64_t all_rows = std::int64_t{tokens} * group;
    for (std::int64_t row = 0; row < all_rows; row += rows) {
        const auto first = static_cast<std::int32_t>(row / group);
        const auto last = static_cast<std::int32_t>((std::min(row + rows, all_rows) - 1) / group);
        const std::int32_t above = paths.parent[index(first)];
        // Ancestors that end within the tile are at the end of the path. Each token ends in one tile only, so
        // this stays linear.
        std::int32_t all_see = above;
        while (all_see >= 0 && visible_until[index(all_see)] <= last) all_see = paths.parent[index(all_see)];
        const std::int32_t ancestors = paths.depth[index(first)];
        QueryWindow window{0, 0};
        if (!first_seen.empty()) {
            // Places of the oldest tokens that rows see: among the ancestors, or among the tile's own tokens.
            window.first = ancestors + last - first;
            for (std::int32_t q = first; q <= last; ++q) {
                const std::int32_t oldest = first_seen[index(q)];
                const std::int32_t place =
                    oldest < first ? paths.depth[index(oldest)] : ancestors + oldest - first;
                window.first = std::min(window.first, place);
                window.full = std::max(window.full, place);
            }
        }
        queries.push_back(
            {{static_cast<std::int32_t>(row), ancestors, all_see < 0 ? 0 : paths.depth[index(all_see)] + 1, 0,
              above < 0 ? KeyRun{} : paths.runs[index(paths.run[index(above)])]},
             window});
        tree.push_back(paths.root[index(first)]);
        cost.push_back(ancestors + last - first + 1 - window.first);
    }
    order(queries, tree, cost);
    for (const WindowedTile& query : queries) {
        tiles.queries.push_back(query.tile);
        if (!first_seen.empty()) tiles.windows.push_back(query.window);
    }

    tree.clear();
    cost.clear();
    for (std::int32_t begin = 0; begin < tokens; begin += columns) {
        const std::int32_t end = std::min(begin + columns, tokens);
        std::int32_t query_end =
            *std::max_element(visible_until.begin() + begin, visible_until.begin() + end);
        // Queries at the end may have left the tile behind their windows.
        while (!first_seen.empty() && query_end > end && first_seen[index(query_end - 1)] >= end) --query_end;
        tiles.keys.push_back({begin, query_end});
        tree.push_back(paths.root[index(begin)]);
        cost.push_back(query_end - begin);
    }
    order(tiles.keys, tree, cost);
    tiles.runs = std::move(paths.runs);
    return tiles;
}

}  // namespace wishbone::cuda::mma
