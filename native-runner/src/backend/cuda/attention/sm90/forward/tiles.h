#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace wishbone::cuda::sm90::forward {

/// How the Hopper forward pass of one bin is cut into work. Made on the host; knows nothing of CUDA.
///
/// A query tile is a run of tokens; it may end early where its tree does. Keys have no grid: the keys a query
/// tile sees are gathered, from the first on, into slots of `slot_keys` consecutive tokens that start
/// wherever the next visible key is. So branches that no query of the tile sees cost nothing, and no key is
/// in two slots. With a sliding window those before the oldest key that any query of the tile sees cost nothing
/// either. Slots are put together to key tiles; the first key tile of a list takes the odd slots and
/// the highest tokens, those that follow are complete.
struct Tiles {
    static constexpr std::int32_t slot_keys = 32;
    /// A slot is four times its first token, plus flags.
    static constexpr std::int32_t masked = 1;  ///< some query does not see some key of the slot
    static constexpr std::int32_t contiguous =
        2;  ///< first slot of a key tile: the others follow without gaps
    static constexpr std::int32_t no_key = 1
                                           << 28;  ///< place of an empty slot (masked): no query is behind it
    static constexpr std::int32_t most_tokens = no_key - slot_keys;

    /// One query tile of one KV head: what a thread block works through at a time.
    struct Item {
        std::int32_t query_begin, query_end;  ///< tokens
        std::int32_t kv_head;
        std::int32_t key_tiles;
        std::int32_t first_slot;  ///< in `slots`; key_tiles · slots_per_tile of them
        std::int32_t reserved[3];
    };

    std::int32_t query_tile = 0;      ///< most tokens of a query tile
    std::int32_t slots_per_tile = 0;  ///< of a key tile
    std::vector<Item> items;          ///< in the order to start them
    std::vector<std::int32_t> slots;  ///< of the key tiles

    /// Key tiles the items work through in all.
    std::int64_t steps() const;
};

/// `visible_until`: k visible to q exactly when k <= q < visible_until[k], with k < visible_until[k] <= T.
/// Any such mask gives right tiles; those of trees laid out depth-first give few. `first_seen`: of each token
/// the first it sees (backend/attention_window.h), for prefix trees alone; empty without a window. Throws
/// Error(internal) where the bounds do not hold.
Tiles make_tiles(std::span<const std::int32_t> visible_until, std::int32_t kv_heads, std::int32_t query_tile,
                 std::int32_t slots_per_tile, std::span<const std::int32_t> first_seen = {});

}  // namespace wishbone::cuda::sm90::forward
