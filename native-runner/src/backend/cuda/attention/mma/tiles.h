#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace wishbone::cuda::mma {

/// How prefix-masked attention is cut into the work of thread blocks. Made on the host in one sweep over the
/// tokens; knows nothing of CUDA.
///
/// The keys a token sees are its path: its ancestors from the root down, and itself. Tokens whose parent is
/// their predecessor form runs, so that a path is a handful of runs however the bin is laid out.
struct alignas(16) KeyRun {
    std::int32_t begin;   ///< first token
    std::int32_t depth;   ///< how many ancestors it has
    std::int32_t parent;  ///< the run its parent lies in, -1 at a root
    std::int32_t reserved;
};

/// One tile of rows. The `group` query heads of a KV head are stacked: row r is token r / group, head r %
/// group of the group; a tile is `rows` consecutive rows. The keys that anyone in the tile sees, in order of
/// their place: the ancestors of its first token, then its own tokens. So keys come without gaps, however far
/// apart they lie in the bin, and those that every row sees come first.
struct alignas(16) QueryTile {
    std::int32_t row_begin;
    std::int32_t ancestors;  ///< of the first token
    std::int32_t full;       ///< how many keys, from the first on, are visible to every row
    std::int32_t reserved;
    KeyRun run;  ///< in which the last ancestor lies
};

/// One tile of keys, tokens [key_begin, key_begin + columns): all tokens from key_begin to query_end - 1 may
/// see some of it, no others.
struct alignas(8) KeyTile {
    std::int32_t key_begin;
    std::int32_t query_end;
};

/// What a sliding window leaves of a QueryTile's keys, in places.
struct alignas(8) QueryWindow {
    std::int32_t first;  ///< nobody in the tile sees keys before it
    std::int32_t full;   ///< of those the mask shows every row, the window does so from here on
};

struct Tiles {
    std::vector<KeyRun> runs;
    std::vector<QueryTile> queries;    ///< in the order to start them: tree by tree, the costly ones first
    std::vector<QueryWindow> windows;  ///< of each query tile; empty without a window
    std::vector<KeyTile> keys;         ///< likewise
};

/// `first_seen`: of each token the first it sees (backend/attention_window.h), empty without a window. Throws
/// as check_prefix_mask.
Tiles make_tiles(std::span<const std::int32_t> visible_until, std::int32_t group, std::int32_t rows,
                 std::int32_t columns, std::span<const std::int32_t> first_seen = {});

}  // namespace wishbone::cuda::mma
