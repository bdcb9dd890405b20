#pragma once

#include <algorithm>
#include <cstdint>

#include "backend/backend.h"
#include "backend/cpu/attention/mask.h"
#include "backend/cpu/attention/tiles.h"

namespace wishbone::cpu {

/// The rows of a query tile for some of the query heads of one KV head, stacked: head after head, `tokens` rows each.
struct QueryRows {
    const Tile& tile;
    std::int64_t head_begin, heads;

    std::int64_t tokens() const { return tile.tokens(); }
    std::int64_t count() const { return heads * tile.tokens(); }
};

/// One call of attention, forward or backward: its arguments, and what both make of them.
struct AttentionCall {
    /// Throws Error(internal), naming the operation, when the tensors do not fit each other.
    AttentionCall(const char* operation, const AttentionMask& mask, AttentionShape shape, Tensor out,
                  Tensor lse, Tensor qkv);

    const CpuMask& mask;
    const HeadLayout layout;
    const float scale, softcap;
    const std::int64_t tokens;
    const float* const qkv;

    const Tile& tile(std::int32_t i) const { return mask.tiles[static_cast<std::size_t>(i)]; }
    const Tree& tree(const CpuMask::Task& task) const {
        return mask.trees[static_cast<std::size_t>(task.tree)];
    }
    /// Of the widest tree.
    std::int64_t most_columns() const;

    /// Calls `work` with the rows of a task, a stack at a time.
    template <typename Work>
    void each_stack(const CpuMask::Task& task, const Work& work) const {
        for (std::int32_t i = task.tile_begin; i < task.tile_end; ++i)
            for (std::int64_t first = 0; first < layout.group; first += layout.stacked)
                work(QueryRows{tile(i), task.kv_head * layout.group + first,
                               std::min(layout.stacked, layout.group - first)});
    }

    /// Keys or values of a tile, which begin at `offset` of a row of `qkv`: transposed, [head_dim, key.columns], to their place
    /// in the `columns` of the tree.
    void pack_tile_columns(float* columns, const Tile& key, std::int64_t offset) const;
    /// The same as rows of a matrix [columns, padded_dim], with rows of zeros behind.
    void pack_tile_rows(float* rows, const Tile& key, std::int64_t offset) const;

    /// to[rows.count(), `stride` apart][key.columns] = left [rows.count(), padded_dim] times what `pack_tile_columns` made of
    /// the tile.
    void multiply_tile(float* to, std::int64_t stride, const QueryRows& rows, const Tile& key,
                       const float* left, const float* columns) const;
    /// The same of scaled queries and keys: scores, capped, those of invisible pairs far outside.
    void score_tile(float* to, std::int64_t stride, const QueryRows& rows, const Tile& key,
                    const float* queries, const float* key_columns) const;
};

}  // namespace wishbone::cpu
