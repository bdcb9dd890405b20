#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/tiles.h"

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

}  // namespace wishbone::cuda::sm90::backward
