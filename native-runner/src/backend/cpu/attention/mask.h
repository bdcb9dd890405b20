#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"

namespace wishbone::cpu {

/// A run of tokens of one tree that attention handles together, as queries and as keys. Packed keys of a tile
/// take whole vectors: `columns` is the number of tokens rounded up to `lanes`, from `column` on within the
/// tree.
struct Tile {
    std::int32_t begin, end;  ///< tokens of the bin
    std::int32_t column, columns;
    std::int32_t first_until, last_until;  ///< least and greatest `visible_until` of its tokens
    std::int32_t first_seen, last_seen;    ///< least and greatest `first_seen` of its tokens, as queries
    std::int32_t strip_begin, strip_end;   ///< its strips, as a query tile

    std::int32_t tokens() const { return end - begin; }
};

/// Consecutive key tiles [begin, end) that a query tile attends to in one go.
struct Strip {
    std::int32_t begin, end;
};

/// A root with all that hangs under it. Trees do not see each other.
struct Tree {
    std::int32_t begin, end;            ///< tokens of the bin
    std::int32_t tile_begin, tile_end;  ///< indices into `tiles`
    std::int32_t columns;               ///< of all its tiles
};

/// The mask `first_seen[q] <= k <= q < visible_until[k]` cut into tiles: pairs of tiles that see nothing of
/// each other are left out, and tiles end where segments do (if those are not very short), so that few pairs
/// are seen in part only.
class CpuMask final : public AttentionMask {
  public:
    static constexpr std::int32_t lanes = 16;
    static constexpr std::int32_t tile_tokens = 32;
    static constexpr std::int32_t strip_columns = 256;

    /// `first_seen`: see backend/attention_window.h; empty without a window.
    CpuMask(std::span<const std::int32_t> visible_until, std::vector<std::int32_t> first_seen);

    std::vector<std::int32_t> visible_until, first_seen;
    std::vector<Tree> trees;
    std::vector<Tile> tiles;
    std::vector<Strip> strips;

    /// Whether every token of `key` is visible to every token of `query`.
    static bool sees_all(const Tile& query, const Tile& key) {
        return key.end <= query.begin && key.first_until >= query.end && key.begin >= query.last_seen;
    }

    std::int32_t first_column(const Strip& strip) const {
        return tiles[static_cast<std::size_t>(strip.begin)].column;
    }
    std::int32_t width(const Strip& strip) const {
        const Tile& last = tiles[static_cast<std::size_t>(strip.end - 1)];
        return last.column + last.columns - first_column(strip);
    }

    /// Writes -1e30 over the scores of invisible pairs. `scores` holds `heads` blocks of query.tokens() rows,
    /// each row `stride` long; `scores` points at the column of key.begin.
    void hide(float* scores, std::int64_t stride, std::int64_t heads, const Tile& query,
              const Tile& key) const;

    /// Part of the work of one attention call: some query tiles of one tree and one KV head.
    struct Task {
        std::int32_t tree, kv_head;
        std::int32_t tile_begin, tile_end;  ///< query tiles
        std::int32_t part, parts;           ///< of the tree's query tiles
        std::int64_t cost;
    };
    /// Tasks for a number of threads, the longest first. A tree is cut only when whole trees could not keep
    /// all threads busy. The same mask and numbers always give the same list. Query tiles before `first_query` are left out.
    std::vector<Task> tasks(std::int64_t kv_heads, int threads, std::int64_t first_query = 0) const;

  private:
    void cut_tree(std::int32_t begin, std::int32_t end);
    std::int64_t cost(const Tile& query) const;
};

}  // namespace wishbone::cpu
