#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/rotation.cuh"
#include "backend/cuda/attention/sm90/backward/tiles.h"
#include "backend/cuda/attention/sm90/store_row.cuh"

namespace wishbone::cuda::sm90::backward {

/// Where row `row` of a query tile lies in an array [T, heads, D].
template <int D>
__device__ __forceinline__ std::int64_t row_offset(const Tiles::Query& tile, int row, int group,
                                                   int first_head, int heads) {
    return (std::int64_t(tile.begin + row / group) * heads + first_head + row % group) * D;
}

/// Whether row `row` of a query tile is a query at all.
__device__ __forceinline__ bool is_query(const Tiles::Query& tile, int row, int group) {
    return row < (tile.end - tile.begin) * group;
}

/// Writes dQ of rows `row` and `row` + 8 of a query tile, whose sums this thread holds, turned back and scaled. `position(r)`: that of
/// row r's token (rotation.cuh).
template <int D, class Position>
__device__ __forceinline__ void store_query_gradients(const Parameters& p, const Tiles::Query& tile,
                                                      int kv_head, int row, const Position& position,
                                                      float (&dq)[D / 2]) {
    const int heads = p.query_heads + 2 * p.kv_heads, head = kv_head * p.group;
    const RowAngles<D> angles[2] = {{p.rotation, position(row)}, {p.rotation, position(row + 8)}};
#pragma unroll
    for (int h = 0; h < 2; ++h) {
        turn_back<D / 16>(dq, h, angles[h], p.rotation.groups);
        store_row(p.d_qkv + row_offset<D>(tile, row + 8 * h, p.group, head, heads),
                  is_query(tile, row + 8 * h, p.group), dq, h, p.scale);
    }
}

}  // namespace wishbone::cuda::sm90::backward
