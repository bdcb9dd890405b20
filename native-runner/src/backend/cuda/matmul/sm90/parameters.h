#pragma once

#include <cstdint>

namespace wishbone::cuda::sm90::product {

/// Sizes are in tiles.
template <class Epilogue>
struct Parameters {
    int row_tiles;     ///< of a cluster's rows
    int column_tiles;  ///< of results
    int first_tiles;   ///< along the first product's sum
    int inner_tiles;   ///< and with those of the one behind it
    int band;  ///< rows of tiles that are worked through column by column, so that what they read stays in L2
    typename Epilogue::Options options;
};

struct Tile {
    int row, column;
};

/// What a block does: the tiles `first`, `first + step`, ... of its cluster, and of those the rows that are its own.
struct Place {
    int rank, first, step;
};

/// The tile of this place in the order of work: bands of rows, column by column within each.
template <class Epilogue>
__device__ __forceinline__ Tile tile_at(const Parameters<Epilogue>& p, int index) {
    const int band = index / (p.band * p.column_tiles), first = band * p.band;
    const int rows = min(p.band, p.row_tiles - first), place = index - first * p.column_tiles;
    return {first + place % rows, place / rows};
}

}  // namespace wishbone::cuda::sm90::product
