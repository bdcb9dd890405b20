#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace wishbone::cuda::sm90::backward {

/// How the backward pass over one bin is cut into work. Made on the host in one sweep over the tokens; knows
/// nothing of CUDA.
///
/// Consecutive trees form groups (one tree, or several small ones). Each group has its own grid of query
/// tiles, which starts at its first token. Key tiles start anywhere in a group: they follow the segments
/// where that saves work. A key tile is seen by the query tiles from its own first token up to the last token
/// that sees any of its keys, all of them in one group. A sliding window makes fewer see them, and a query tile
/// see fewer.
///
/// Gradients of scores that go from the key pass to the query pass through device memory (score_gradients) do so in strips: 16 keys of
/// one query tile and KV head. A key tile has strips for all query tiles that see it, tile by tile.
struct Tiles {
    static constexpr std::int32_t strip_keys = 16;

    /// Tokens [begin, end) of one query tile.
    struct Query {
        std::int32_t begin, end;
    };
    /// One key tile of one KV head, or a part of the query tiles that see it: what a thread block of the key pass works
    /// through at a time. A tile that far more queries see than others, as the first of many sequences that begin alike, would be
    /// worked at when all others are done; its parts' sums are added up by whichever is done last.
    struct Item {
        std::int32_t kv_head;
        std::int32_t key_begin, key_end;  ///< tokens, at most `key_tile` of them
        std::int32_t query_begin;         ///< first token of the first query tile that sees it
        std::int32_t first_tile, tiles;   ///< the query tiles that see it
        std::int32_t
            last_until[2];         ///< of either half of the tile: tokens from here on see none of its keys;
                                   ///< 0 without keys
        std::int32_t part, parts;  ///< which of how many parts, from the first query tile up; 0 of 1
        std::int32_t first_sums;   ///< of several: the place of part 0's sums, those of the others behind it
        std::int32_t strips;       ///< of a query tile
        std::int32_t first_strip;  ///< that of the first query tile
    };
    /// Keys of a step of the query pass, all of one key tile.
    struct KeyBlock {
        std::int32_t begin, end;
        std::int32_t least_until;  ///< tokens before it see all of the keys that are not behind them
        std::int32_t last_until;   ///< tokens from here on see none
        std::int32_t query_begin;  ///< of the key tile, as Item has it
        std::int32_t tile_strips;  ///< strips of a query tile that the key tile has
        std::int32_t
            first_strip;  ///< that of the first query tile, from the first one of the group and KV head on
    };
    /// Query tiles a thread block of the query pass works on together, and the key blocks of their group of which they see the first
    /// and the last.
    struct QueryBlock {
        std::int32_t first_tile, tiles;
        std::int32_t first_key_block, key_blocks;
    };
    /// A query block of one KV head: what a thread block of the query pass works through at a time.
    struct QueryItem {
        std::int32_t block, kv_head;
        std::int32_t first_strip;  ///< of the group and KV head
    };

    std::vector<Query> queries;
    std::vector<Item> items;  ///< in the order to start them
    std::int32_t sums = 0;    ///< places for sums of parts
    std::int64_t strips = 0;  ///< in all; places of strips hold where that is no more than 2³¹
    std::vector<KeyBlock> key_blocks;
    std::vector<QueryBlock> query_blocks;
    std::vector<QueryItem> query_items;  ///< in the order to start them
    /// Of each key, with a window: the tokens from it to here all see it. Empty without one.
    std::vector<std::int32_t> visible_by_all_until;
};

struct TileSizes {
    std::int32_t query_tile;   ///< tokens
    std::int32_t key_tile;     ///< tokens
    std::int32_t key_block;    ///< tokens, divides key_tile; a multiple of `strip_keys`
    std::int32_t block_tiles;  ///< query tiles of a query block
    bool last_first =
        false;  ///< query items begin with the items that the key pass ends with, whose strips are in the L2 cache still
};

/// `visible_until`: k visible to q exactly when k <= q < visible_until[k], with k < visible_until[k] <= T.
/// Throws Error(internal) where that does not hold. `processors`: how many items run at a time. `first_seen`:
/// of each token the first it sees (backend/attention_window.h), for prefix trees alone; empty without a window.
Tiles make_tiles(std::span<const std::int32_t> visible_until, std::int32_t kv_heads, const TileSizes& sizes,
                 std::int32_t processors, std::span<const std::int32_t> first_seen = {});

}  // namespace wishbone::cuda::sm90::backward
