#pragma once

namespace wishbone::cuda::sm90::gated {

/// Sizes are in tiles.
struct Parameters {
    int row_tiles;     ///< of a cluster's rows
    int column_tiles;  ///< of results
    int inner_tiles;
    int band;  ///< rows of tiles that are worked through column by column, so that what they read stays in L2
    bool stores_result;  ///< the unit's output
    bool stores_gates;   ///< gate and up, or their gradients
};

struct Tile {
    int row, column;
};

/// The tile of this place in the order of work: bands of rows, column by column within each.
__device__ __forceinline__ Tile tile_at(const Parameters& p, int index) {
    const int band = index / (p.band * p.column_tiles), first = band * p.band;
    const int rows = min(p.band, p.row_tiles - first), place = index - first * p.column_tiles;
    return {first + place % rows, place / rows};
}

}  // namespace wishbone::cuda::sm90::gated
