#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <tuple>
#include <utility>

#include "backend/attention_window.h"
#include "backend/cuda/attention/mma/tiles.h"
#include "backend/cuda/attention/sm90/backward/sizes.h"
#include "backend/cuda/attention/sm90/backward/tiles.h"
#include "backend/cuda/attention/sm90/forward/tiles.h"
#include "backend/prefix_mask.h"
#include "backend/registry.h"
#include "core/error.h"
#include "reference/attention_cases.h"
#include "reference/random_bin.h"

// Tile lists are made on the host, so these tests need no GPU: every list is held against the mask's rule,
// k <= q < visible_until[k] and first_seen[q] <= k with a window, asked of every pair of tokens.

using namespace wishbone;
using namespace wishbone::cuda;

namespace {

using Until = std::vector<std::int32_t>;

std::int32_t length(const Until& until) { return static_cast<std::int32_t>(until.size()); }

bool visible(const Until& until, std::int32_t q, std::int32_t k) {
    return k <= q && q < until[static_cast<std::size_t>(k)];
}

/// A mask, and the first token each token sees: empty without a window.
struct Bin {
    Until until, first_seen;

    explicit Bin(const Until& visible_until, std::int64_t window = 0) : until(visible_until) {
        if (window > 0) first_seen = first_seen_tokens(until, reference::depths(until), window);
    }
    bool sees(std::int32_t q, std::int32_t k) const {
        return visible(until, q, k) && (first_seen.empty() || first_seen[static_cast<std::size_t>(q)] <= k);
    }
};

constexpr std::int64_t window_sizes[] = {0, 1, 7, 33, 100};

/// Pairs of the same lengths, one after the other.
Until pairs(std::int32_t tokens, std::int32_t prompt, std::int32_t chosen, std::int32_t rejected) {
    Until until;
    while (length(until) < tokens) {
        const std::int32_t begin = length(until), end = begin + prompt + chosen + rejected;
        for (std::int32_t i = 0; i < end - begin && length(until) < tokens; ++i)
            until.push_back(
                std::min(tokens, i < prompt || i >= prompt + chosen ? end : begin + prompt + chosen));
    }
    return until;
}

/// Masks of every kind: random trees, pairs, plain sequences, single tokens, 64 branches, a comb.
std::vector<Until> masks() {
    std::vector<Until> all = {pairs(1, 1, 0, 0),
                              pairs(700, 100, 40, 45),
                              pairs(523, 61, 3, 1),
                              pairs(257, 257, 0, 0),
                              Until(130),
                              Until(213),
                              Until(90)};
    for (std::int32_t k = 0; k < 130; ++k) all[4][static_cast<std::size_t>(k)] = k + 1;
    for (std::int32_t k = 0; k < 213; ++k)
        all[5][static_cast<std::size_t>(k)] = k < 21 ? 213 : 21 + ((k - 21) / 3 + 1) * 3;
    for (std::int32_t k = 0; k < 90; ++k) all[6][static_cast<std::size_t>(k)] = std::max(k + 1, 90 - k / 2);
    std::mt19937 random(5);
    for (int i = 0; i < 40; ++i) {
        reference::RandomTrees options;
        options.trees = 1 + i % 7;
        options.deepest = 1 + i % 6;
        options.longest_segment = 1 + (i * i) % 90;
        all.push_back(reference::RandomBin(random, options).shared.visible_until);
    }
    return all;
}

void check_forward(const Bin& bin, std::int32_t query_tile, std::int32_t slots_per_tile) {
    constexpr std::int32_t kv_heads = 2;
    const Until& until = bin.until;
    const sm90::forward::Tiles tiles =
        sm90::forward::make_tiles(until, kv_heads, query_tile, slots_per_tile, bin.first_seen);
    const std::int32_t tokens = length(until);
    std::vector<int> seen(until.size() * kv_heads);
    bool sizes = true, starts = true, unmasked = true, once = true, complete = true, needed = true;
    for (const sm90::forward::Tiles::Item& item : tiles.items) {
        sizes &= item.query_begin < item.query_end && item.query_end - item.query_begin <= query_tile;
        for (std::int32_t q = item.query_begin; q < item.query_end; ++q)
            ++seen[static_cast<std::size_t>(q * kv_heads + item.kv_head)];
        std::vector<int> covered(until.size() + sm90::forward::Tiles::slot_keys);
        for (std::int32_t tile = 0; tile < item.key_tiles; ++tile) {
            const std::int32_t* slots = tiles.slots.data() + item.first_slot + tile * slots_per_tile;
            const bool contiguous = (slots[0] & sm90::forward::Tiles::contiguous) != 0;
            for (std::int32_t i = 0; i < slots_per_tile; ++i) {
                const std::int32_t begin = slots[i] >> 2;
                const bool masked = (slots[i] & sm90::forward::Tiles::masked) != 0;
                if (begin == sm90::forward::Tiles::no_key) {
                    starts &= masked && !contiguous && i > 0;
                    continue;
                }
                starts &=
                    0 <= begin && begin < tokens &&
                    (!contiguous || i == 0 || begin == (slots[i - 1] >> 2) + sm90::forward::Tiles::slot_keys);
                bool used = false;
                for (std::int32_t k = begin; k < begin + sm90::forward::Tiles::slot_keys; ++k) {
                    ++covered[static_cast<std::size_t>(k)];
                    for (std::int32_t q = item.query_begin; q < item.query_end; ++q) {
                        const bool seen_here = k < tokens && bin.sees(q, k);
                        unmasked &= masked || seen_here;
                        used |= seen_here;
                    }
                }
                needed &= used;
            }
        }
        for (std::int32_t k = 0; k < tokens; ++k) {
            once &= covered[static_cast<std::size_t>(k)] <= 1;
            for (std::int32_t q = item.query_begin; q < item.query_end; ++q)
                complete &= !bin.sees(q, k) || covered[static_cast<std::size_t>(k)] == 1;
        }
    }
    CHECK(sizes);
    CHECK(starts);
    CHECK(unmasked);
    CHECK(once);
    CHECK(complete);
    CHECK(needed);
    CHECK(std::ranges::all_of(seen, [](int count) { return count == 1; }));
}

/// Key tiles that are worked at in parts as one each, which the parts must make up, with a place each for their sums.
std::vector<sm90::backward::Tiles::Item> whole_items(const sm90::backward::Tiles& tiles,
                                                     std::int32_t query_tile) {
    using Item = sm90::backward::Tiles::Item;
    std::vector<Item> whole, parts;
    for (const Item& item : tiles.items) (item.parts == 1 ? whole : parts).push_back(item);
    std::ranges::sort(parts, [](const Item& a, const Item& b) {
        return std::pair(a.first_sums, a.part) < std::pair(b.first_sums, b.part);
    });
    std::int32_t sums = 0;
    bool in_order = true, adjoin = true, worth_it = true;
    for (const Item& item : parts) {
        in_order &= item.first_sums + item.part == sums++ && item.part < item.parts;
        worth_it &= item.tiles >= 16;
        if (item.part == 0) {
            whole.push_back(item);
            continue;
        }
        Item& all = whole.back();
        adjoin &= item.kv_head == all.kv_head && item.key_begin == all.key_begin &&
                  item.key_end == all.key_end && item.parts == all.parts &&
                  item.first_tile == all.first_tile + all.tiles &&
                  item.query_begin == all.query_begin + all.tiles * query_tile && item.strips == all.strips &&
                  item.first_strip == all.first_strip + all.tiles * all.strips &&
                  std::ranges::equal(item.last_until, all.last_until);
        all.tiles += item.tiles;
    }
    CHECK(in_order);
    CHECK(adjoin);
    CHECK(worth_it);
    CHECK(sums == tiles.sums);
    return whole;
}

/// Who reads gradients of scores reads them where they were written, all of them once, without a window.
void check_strips(const sm90::backward::Tiles& tiles, const sm90::backward::TileSizes& sizes, bool windowed) {
    using sm90::backward::Tiles;
    // A strip: its first key, its KV head and its query tile.
    using Strip = std::tuple<std::int32_t, std::int32_t, std::int32_t>;
    constexpr Strip none(-1, -1, -1);
    const std::int32_t half = sizes.key_tile / 2;
    std::vector<Strip> written(static_cast<std::size_t>(tiles.strips), none);
    std::int64_t strips = 0, unread = 0;
    bool alone = true, same = true, last_seen = true;
    for (const Tiles::Item& item : tiles.items) {
        strips += std::int64_t{item.strips} * item.tiles;
        for (std::int32_t i = 0; i < item.tiles * item.strips; ++i) {
            const std::int32_t begin = item.query_begin + i / item.strips * sizes.query_tile,
                               key = item.key_begin + i % item.strips * Tiles::strip_keys,
                               upper = key >= item.key_begin + half;
            // As the key pass passes halves by.
            if (begin >= item.last_until[upper] || begin + sizes.query_tile <= item.key_begin + upper * half)
                continue;
            Strip& place = written.at(static_cast<std::size_t>(item.first_strip + i));
            alone &= place == none;
            place = Strip(key, item.kv_head, item.first_tile + i / item.strips);
            ++unread;
        }
    }
    for (const Tiles::QueryItem& item : tiles.query_items) {
        const Tiles::QueryBlock& block = tiles.query_blocks[static_cast<std::size_t>(item.block)];
        for (std::int32_t b = 0; b < block.key_blocks; ++b) {
            const Tiles::KeyBlock& keys =
                tiles.key_blocks[static_cast<std::size_t>(block.first_key_block + b)];
            bool seen = false;
            for (std::int32_t t = block.first_tile; t < block.first_tile + block.tiles; ++t) {
                const std::int32_t begin = tiles.queries[static_cast<std::size_t>(t)].begin;
                if (begin >= keys.last_until || begin + sizes.query_tile <= keys.begin) continue;
                seen = true;
                const std::int32_t first = item.first_strip + keys.first_strip +
                                           (begin - keys.query_begin) / sizes.query_tile * keys.tile_strips;
                for (std::int32_t key = keys.begin; key < keys.end; key += Tiles::strip_keys, --unread) {
                    Strip& place =
                        written.at(static_cast<std::size_t>(first + (key - keys.begin) / Tiles::strip_keys));
                    same &= place == Strip(key, item.kv_head, t);
                    place = none;
                }
            }
            last_seen &= seen || b + 1 < block.key_blocks;
        }
    }
    CHECK(strips == tiles.strips);
    CHECK(alone);
    CHECK(same);
    CHECK((windowed ? unread >= 0 : unread == 0));  // who sees nothing of them does not read them
    CHECK(last_seen);
}

void check_backward(const Bin& bin, const sm90::backward::TileSizes& sizes, std::int32_t processors) {
    constexpr std::int32_t kv_heads = 2;
    const Until& until = bin.until;
    const sm90::backward::Tiles tiles =
        sm90::backward::make_tiles(until, kv_heads, sizes, processors, bin.first_seen);
    const std::int32_t tokens = length(until);
    std::vector<std::int32_t> tile_of(until.size(), -1);
    bool queries = true;
    for (std::size_t t = 0; t < tiles.queries.size(); ++t) {
        queries &= tiles.queries[t].end - tiles.queries[t].begin <= sizes.query_tile;
        for (std::int32_t q = tiles.queries[t].begin; q < tiles.queries[t].end; ++q) {
            queries &= tile_of[static_cast<std::size_t>(q)] < 0;
            tile_of[static_cast<std::size_t>(q)] = static_cast<std::int32_t>(t);
        }
    }
    CHECK(queries);
    CHECK(std::ranges::all_of(tile_of, [](std::int32_t tile) { return tile >= 0; }));

    // Of each key how far it is seen, and how far by all.
    Until last, all;
    for (std::int32_t k = 0; k < tokens; ++k) {
        last.push_back(k);
        all.push_back(k);
        for (std::int32_t q = k; q < until[static_cast<std::size_t>(k)]; ++q) {
            if (!bin.sees(q, k)) continue;
            last.back() = q + 1;
            if (all.back() == q) ++all.back();
        }
    }
    CHECK((bin.first_seen.empty() ? tiles.visible_by_all_until.empty() : tiles.visible_by_all_until == all));

    std::vector<int> keys(until.size() * kv_heads);
    bool seen = true, extents = true;
    for (const sm90::backward::Tiles::Item& item : whole_items(tiles, sizes.query_tile)) {
        for (std::int32_t k = item.key_begin; k < item.key_end; ++k) {
            ++keys[static_cast<std::size_t>(k * kv_heads + item.kv_head)];
            for (std::int32_t q = k; q < until[static_cast<std::size_t>(k)]; ++q) {
                if (!bin.sees(q, k)) continue;
                const std::int32_t tile = tile_of[static_cast<std::size_t>(q)];
                seen &= item.first_tile <= tile && tile < item.first_tile + item.tiles;
            }
        }
        // The last tile is needed, as the first is, which holds the first key.
        const std::int32_t middle = std::min(item.key_begin + sizes.key_tile / 2, item.key_end);
        const auto most = [&](std::int32_t from, std::int32_t to) {
            return from < to ? *std::max_element(last.begin() + from, last.begin() + to) : 0;
        };
        const std::int32_t halves[] = {most(item.key_begin, middle), most(middle, item.key_end)};
        extents &= item.last_until[0] == halves[0] && item.last_until[1] == halves[1] &&
                   tile_of[static_cast<std::size_t>(std::max(halves[0], halves[1]) - 1)] ==
                       item.first_tile + item.tiles - 1 &&
                   tile_of[static_cast<std::size_t>(item.key_begin)] == item.first_tile;
    }
    CHECK(seen);
    CHECK(extents);
    CHECK(std::ranges::all_of(keys, [](int count) { return count == 1; }));

    std::vector<int> in_block(tiles.queries.size());
    bool complete = true, bounds = true, needed = true;
    for (const sm90::backward::Tiles::QueryBlock& block : tiles.query_blocks) {
        std::vector<char> covered(until.size());
        for (std::int32_t b = block.first_key_block; b < block.first_key_block + block.key_blocks; ++b) {
            const sm90::backward::Tiles::KeyBlock& key_block = tiles.key_blocks[static_cast<std::size_t>(b)];
            bounds &= key_block.least_until ==
                          *std::min_element(all.begin() + key_block.begin, all.begin() + key_block.end) &&
                      key_block.last_until ==
                          *std::max_element(last.begin() + key_block.begin, last.begin() + key_block.end);
            std::fill(covered.begin() + key_block.begin, covered.begin() + key_block.end, 1);
        }
        for (std::int32_t t = block.first_tile; t < block.first_tile + block.tiles; ++t) {
            ++in_block[static_cast<std::size_t>(t)];
            const sm90::backward::Tiles::Query& query = tiles.queries[static_cast<std::size_t>(t)];
            for (std::int32_t q = query.begin; q < query.end; ++q)
                for (std::int32_t k = 0; k <= q && k < tokens; ++k)
                    complete &= !bin.sees(q, k) || covered[static_cast<std::size_t>(k)];
        }
        // With a window no key block lies before what the block's queries see.
        if (!bin.first_seen.empty()) {
            const auto oldest = *std::min_element(
                bin.first_seen.begin() + tiles.queries[static_cast<std::size_t>(block.first_tile)].begin,
                bin.first_seen.begin() +
                    tiles.queries[static_cast<std::size_t>(block.first_tile + block.tiles - 1)].end);
            needed &= tiles.key_blocks[static_cast<std::size_t>(block.first_key_block)].end > oldest;
        }
    }
    CHECK(complete);
    CHECK(bounds);
    CHECK(needed);
    CHECK(std::ranges::all_of(in_block, [](int count) { return count == 1; }));

    if (sizes.key_block == sizes.key_tile / 2) check_strips(tiles, sizes, !bin.first_seen.empty());

    std::vector<int> started(tiles.query_blocks.size() * kv_heads);
    for (const sm90::backward::Tiles::QueryItem& item : tiles.query_items)
        ++started.at(static_cast<std::size_t>(item.block * kv_heads + item.kv_head));
    CHECK(std::ranges::all_of(started, [](int count) { return count == 1; }));
}

void check_portable(const Until& until, std::int32_t group, std::int32_t rows, std::int32_t columns) {
    const mma::Tiles tiles = mma::make_tiles(until, group, rows, columns);
    const std::int32_t tokens = length(until), all_rows = tokens * group;
    std::vector<int> seen(static_cast<std::size_t>(all_rows));
    bool ancestors = true, full = true;
    for (const mma::QueryTile& tile : tiles.queries) {
        const std::int32_t row_end = std::min(tile.row_begin + rows, all_rows);
        for (std::int32_t r = tile.row_begin; r < row_end; ++r) ++seen[static_cast<std::size_t>(r)];
        const std::int32_t first = tile.row_begin / group, last = (row_end - 1) / group;
        std::vector<std::int32_t> keys;
        for (std::int32_t k = 0; k < first; ++k)
            if (visible(until, first, k)) keys.push_back(k);
        ancestors &= tile.ancestors == static_cast<std::int32_t>(keys.size());
        for (std::int32_t k = first; k <= last; ++k) keys.push_back(k);
        for (std::int32_t i = 0; i < tile.full; ++i)
            for (std::int32_t q = first; q <= last; ++q)
                full &= visible(until, q, keys[static_cast<std::size_t>(i)]);
    }
    CHECK(ancestors);
    CHECK(full);
    CHECK(std::ranges::all_of(seen, [](int count) { return count == 1; }));

    std::vector<int> keys(until.size());
    bool ends = true;
    for (const mma::KeyTile& tile : tiles.keys) {
        std::int32_t last = 0;
        for (std::int32_t k = tile.key_begin; k < std::min(tile.key_begin + columns, tokens); ++k) {
            ++keys[static_cast<std::size_t>(k)];
            last = std::max(last, until[static_cast<std::size_t>(k)]);
        }
        ends &= tile.query_end == last;
    }
    CHECK(ends);
    CHECK(std::ranges::all_of(keys, [](int count) { return count == 1; }));
}

}  // namespace

TEST_CASE("cuda tiles: Hopper's forward lists") {
    for (const Until& until : masks())
        for (const std::int64_t window : window_sizes) {
            const Bin bin(until, window);
            for (const std::int32_t query_tile : {1, 21, 32, 48, 128})
                for (const std::int32_t slots : {2, 4}) {
                    CAPTURE(until.size());
                    CAPTURE(window);
                    CAPTURE(query_tile);
                    check_forward(bin, query_tile, slots);
                }
        }
}

TEST_CASE("cuda tiles: Hopper's backward lists") {
    for (const Until& until : masks())
        for (const std::int64_t window : window_sizes) {
            const Bin bin(until, window);
            for (const sm90::backward::TileSizes& sizes :
                 {sm90::backward::TileSizes{16, 128, 64, 1}, sm90::backward::TileSizes{32, 128, 64, 2},
                  sm90::backward::TileSizes{32, 128, 64, 2, true}, sm90::backward::TileSizes{10, 128, 64, 4},
                  sm90::backward::TileSizes{10, 128, 128, 1}, sm90::backward::TileSizes{1, 64, 64, 2}}) {
                CAPTURE(until.size());
                CAPTURE(window);
                CAPTURE(sizes.query_tile);
                check_backward(bin, sizes, 132);
                check_backward(bin, sizes, 3);
            }
        }
}

TEST_CASE("cuda tiles: what is kept of gradients of scores is what is counted") {
    for (const std::int64_t head_dim : {64, 128})
        CHECK(backend_named("cuda").memory.score_gradients(head_dim) ==
              static_cast<std::size_t>(sm90::backward::most_score_bytes(head_dim)));
    // Heads that are padded to 96 and 256 have the portable kernels, which keep none.
    for (const std::int64_t head_dim : {80, 96, 256})
        CHECK(backend_named("cuda").memory.score_gradients(head_dim) == 0);
}

TEST_CASE("cuda tiles: keys that nearly all queries see are worked at in parts, others are not") {
    // 64 sequences of 100 tokens that begin with the same three; then 64 that do not.
    Until alike(3, 6403), apart;
    for (std::int32_t sequence = 0; sequence < 64; ++sequence) {
        alike.insert(alike.end(), 100, 3 + 100 * (sequence + 1));
        apart.insert(apart.end(), 100, 100 * (sequence + 1));
    }
    const sm90::backward::TileSizes sizes = {32, 128, 128, 1};
    std::int64_t tiles = 0, longest = 0;
    bool first_keys = true;
    const sm90::backward::Tiles lists = sm90::backward::make_tiles(alike, 2, sizes, 16);
    for (const sm90::backward::Tiles::Item& item : lists.items) {
        tiles += item.tiles;
        longest = std::max<std::int64_t>(longest, item.tiles);
        first_keys &= item.parts == 1 || item.key_begin == 0;
    }
    CHECK(lists.sums > 2);
    CHECK(first_keys);
    CHECK(longest <= std::max<std::int64_t>(32, (tiles + 3 * std::ssize(lists.items)) / 32));
    CHECK(sm90::backward::make_tiles(apart, 2, sizes, 16).sums == 0);
    // Long sequences: first keys are seen by twice as many as others are, which is not worth it.
    CHECK(sm90::backward::make_tiles(Until(8192, 8192), 8, sizes, 132).sums == 0);
    CHECK(sm90::backward::make_tiles(pairs(16384, 1024, 512, 512), 2, {10, 128, 64, 2}, 132).sums == 0);
    CHECK(sm90::backward::make_tiles(pairs(16384, 350, 300, 300), 2, {10, 128, 64, 2}, 132).sums == 0);
}

TEST_CASE("cuda tiles: lists of the portable kernels") {
    for (const Until& until : masks())
        for (const std::int32_t group : {1, 4, 6, 7})
            for (const std::int32_t rows : {64, 128}) {
                CAPTURE(until.size());
                CAPTURE(group);
                check_portable(until, group, rows, 64);
            }
}

TEST_CASE("cuda tiles: what is no mask of prefix trees is refused") {
    for (const Until& bad : {Until{3, 1, 3}, Until{3, 3, 4}, Until{0}, Until{2, 3, 3}}) {
        CHECK_THROWS_AS(check_prefix_mask(bad), Error);
        CHECK_THROWS_AS(mma::make_tiles(bad, 1, 64, 64), Error);
    }
    CHECK_THROWS_AS(sm90::forward::make_tiles(Until{3, 3, 4}, 1, 32, 4), Error);
    CHECK_THROWS_AS(sm90::backward::make_tiles(Until{3, 3, 4}, 1, {16, 128, 64, 1}, 132), Error);
}
