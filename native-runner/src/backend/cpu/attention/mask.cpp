#include "backend/cpu/attention/mask.h"

#include <algorithm>

#include "backend/attention_window.h"
#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/primitives/vector_math.h"
#include "backend/prefix_mask.h"
#include "backend/require.h"

namespace wishbone::cpu {
namespace {

// A tile shorter than this costs nearly as much as one of this length, so shorter segments share tiles.
constexpr std::int32_t shortest_cut = 16;

constexpr float hidden_score = -1e30f;

std::int32_t round_up(std::int32_t n, std::int32_t step) { return (n + step - 1) / step * step; }

WISHBONE_CLONES
void hide_rows(float* scores, std::int64_t stride, std::int32_t query_begin, std::int32_t query_end,
               std::int32_t key_begin, std::int32_t keys, const std::int32_t* until) {
    for (std::int32_t q = query_begin; q < query_end; ++q, scores += stride) {
#pragma omp simd
        for (std::int32_t i = 0; i < keys; ++i)
            scores[i] = (key_begin + i <= q) & (q < until[i]) ? scores[i] : hidden_score;
    }
}

/// Of keys before the window.
WISHBONE_CLONES
void hide_unseen(float* scores, std::int64_t stride, std::int32_t queries, const std::int32_t* first_seen,
                 std::int32_t key_begin, std::int32_t keys) {
    for (std::int32_t q = 0; q < queries; ++q, scores += stride) {
        const std::int32_t unseen = std::min(first_seen[q] - key_begin, keys);
        for (std::int32_t i = 0; i < unseen; ++i) scores[i] = hidden_score;
    }
}

}  // namespace

CpuMask::CpuMask(std::span<const std::int32_t> visible_until, std::vector<std::int32_t> first_seen)
    : visible_until(visible_until.begin(), visible_until.end()), first_seen(std::move(first_seen)) {
    check_prefix_mask(visible_until);
    const auto length = static_cast<std::int32_t>(visible_until.size());
    for (std::int32_t begin = 0; begin < length;) {
        const std::int32_t end =
            visible_until[static_cast<std::size_t>(begin)];  // a tree's root is its first token
        cut_tree(begin, end);
        begin = end;
    }
}

void CpuMask::cut_tree(std::int32_t begin, std::int32_t end) {
    const auto until = [this](std::int32_t k) { return visible_until[static_cast<std::size_t>(k)]; };
    Tree tree{.begin = begin,
              .end = end,
              .tile_begin = static_cast<std::int32_t>(tiles.size()),
              .tile_end = 0,
              .columns = 0};
    for (std::int32_t run = begin; run < end;) {
        std::int32_t run_end = run + 1;
        while (run_end < end && (run_end - run < shortest_cut || until(run_end) == until(run_end - 1)))
            ++run_end;
        const std::int32_t count = (run_end - run + tile_tokens - 1) / tile_tokens;
        const std::int32_t size = std::min(tile_tokens, round_up((run_end - run + count - 1) / count, lanes));
        for (std::int32_t from = run; from < run_end; from += size) {
            const std::int32_t to = std::min(from + size, run_end);
            const auto [least, greatest] =
                std::minmax_element(visible_until.begin() + from, visible_until.begin() + to);
            std::int32_t first = 0, last = 0;
            if (!first_seen.empty()) {
                const auto [oldest, newest] =
                    std::minmax_element(first_seen.begin() + from, first_seen.begin() + to);
                first = *oldest;
                last = *newest;
            }
            tiles.push_back({.begin = from,
                             .end = to,
                             .column = tree.columns,
                             .columns = round_up(to - from, lanes),
                             .first_until = *least,
                             .last_until = *greatest,
                             .first_seen = first,
                             .last_seen = last,
                             .strip_begin = 0,
                             .strip_end = 0});
            tree.columns += tiles.back().columns;
        }
        run = run_end;
    }
    tree.tile_end = static_cast<std::int32_t>(tiles.size());
    for (std::int32_t i = tree.tile_begin; i < tree.tile_end; ++i) {
        Tile& query = tiles[static_cast<std::size_t>(i)];
        query.strip_begin = static_cast<std::int32_t>(strips.size());
        bool open = false;
        for (std::int32_t j = tree.tile_begin; j <= i; ++j) {
            const Tile& key = tiles[static_cast<std::size_t>(j)];
            if (key.last_until <= query.begin || key.end <= query.first_seen) {
                open = false;
                continue;
            }
            if (!open || width(strips.back()) + key.columns > strip_columns)
                strips.push_back({.begin = j, .end = j});
            strips.back().end = j + 1;
            open = true;
        }
        query.strip_end = static_cast<std::int32_t>(strips.size());
    }
    trees.push_back(tree);
}

void CpuMask::hide(float* scores, std::int64_t stride, std::int64_t heads, const Tile& query,
                   const Tile& key) const {
    const std::int32_t padding = key.columns - key.tokens();
    if (padding > 0) {
        float* row = scores + key.tokens();
        for (std::int64_t i = 0; i < heads * query.tokens(); ++i, row += stride)
            std::fill_n(row, padding, hidden_score);
    }
    if (sees_all(query, key)) return;
    for (std::int64_t head = 0; head < heads; ++head) {
        float* const block = scores + head * query.tokens() * stride;
        hide_rows(block, stride, query.begin, query.end, key.begin, key.tokens(),
                  visible_until.data() + key.begin);
        if (key.begin < query.last_seen)
            hide_unseen(block, stride, query.tokens(), first_seen.data() + query.begin, key.begin,
                        key.tokens());
    }
}

std::int64_t CpuMask::cost(const Tile& query) const {
    std::int64_t columns = 0;
    for (std::int32_t i = query.strip_begin; i < query.strip_end; ++i)
        columns += width(strips[static_cast<std::size_t>(i)]);
    return columns * query.tokens();
}

std::vector<CpuMask::Task> CpuMask::tasks(std::int64_t kv_heads, int threads,
                                          std::int64_t first_query) const {
    std::int64_t total = 0;
    for (const Tile& tile : tiles)
        if (tile.end > first_query) total += cost(tile);
    const std::int64_t limit = std::max<std::int64_t>(1, total * kv_heads / (std::int64_t{2} * threads));
    std::vector<Task> list;
    for (std::size_t t = 0; t < trees.size(); ++t) {
        const Tree& tree = trees[t];
        std::int32_t begin = tree.tile_begin;
        while (begin < tree.tile_end && tiles[static_cast<std::size_t>(begin)].end <= first_query) ++begin;
        std::int64_t whole = 0;
        for (std::int32_t i = begin; i < tree.tile_end; ++i)
            whole += cost(tiles[static_cast<std::size_t>(i)]);
        const std::int64_t wanted = threads == 1 ? 1 : (whole + limit - 1) / limit;
        std::vector<Task> parts;
        std::int64_t done = 0;
        for (std::int32_t i = begin; i < tree.tile_end; ++i) {
            const auto made = static_cast<std::int64_t>(parts.size());
            if (made == 0 || (made < wanted && done * wanted >= whole * made))
                parts.push_back({.tree = static_cast<std::int32_t>(t),
                                 .kv_head = 0,
                                 .tile_begin = i,
                                 .tile_end = i,
                                 .part = static_cast<std::int32_t>(made),
                                 .parts = 0,
                                 .cost = 0});
            const std::int64_t more = cost(tiles[static_cast<std::size_t>(i)]);
            parts.back().tile_end = i + 1;
            parts.back().cost += more;
            done += more;
        }
        for (std::int64_t head = 0; head < kv_heads; ++head)
            for (Task part : parts) {
                part.kv_head = static_cast<std::int32_t>(head);
                part.parts = static_cast<std::int32_t>(parts.size());
                list.push_back(part);
            }
    }
    std::stable_sort(list.begin(), list.end(), [](const Task& a, const Task& b) { return a.cost > b.cost; });
    return list;
}

std::unique_ptr<AttentionMask> CpuBackend::prepare_mask(std::span<const std::int32_t> visible_until,
                                                        std::span<const std::int32_t> position,
                                                        AttentionShape shape) {
    require(visible_until.size() == position.size() && shape.window >= 0, "prepare_mask");
    std::vector<std::int32_t> first_seen;
    if (shape.window > 0) first_seen = first_seen_tokens(visible_until, position, shape.window);
    return std::make_unique<CpuMask>(visible_until, std::move(first_seen));
}

}  // namespace wishbone::cpu
