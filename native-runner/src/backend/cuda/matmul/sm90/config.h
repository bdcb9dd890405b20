#pragma once

#include "backend/cuda/matmul/sm90/sizes.h"

namespace wishbone::cuda::sm90::product {

/// A kernel: the form of its product, and what is done with a finished tile. An epilogue `E` has
///   Columns          of results, of a tile: as many as the product has, or half
///   Boxes            how many it moves at a time
///   Options          for all tiles: what it computes with and which of its results are wanted
///   Maps             of what it reads and writes
///   Rows             what a thread knows of its rows of the tile that is held: of(options, the warpgroup's first row, first column)
///   load, store      by one thread: what boxes are filled with before, and where they go
///   slice<number>    its work on 16 columns
template <Form F, class E>
struct Config {
    static constexpr Form form = F;
    using Epilogue = E;
    /// Blocks of a cluster work on the same columns, and load them for each other.
    static constexpr int Cluster = 2, Stages = 4;

    static constexpr int Chunks = E::Columns / chunk_columns;
    static constexpr int Groups = 2, Threads = 128 * (Groups + 1);
    static constexpr int LoadRegisters = 24, ComputeRegisters = 240;

    static constexpr int LeftBytes = tile_rows * tile_inner * 2, RightBytes = tile_columns * tile_inner * 2;
    // Places in shared memory.
    static constexpr int Left = 0, Right = Left + Stages * LeftBytes, Boxes = Right + Stages * RightBytes,
                         GroupBoxes = E::Boxes * box_bytes, Barriers = Boxes + Groups * GroupBoxes,
                         Bytes = Barriers + 8 * (2 * Stages + 2 * Groups), Allocated = Bytes + 1024;
    static_assert(Allocated <= 232448);
};

}  // namespace wishbone::cuda::sm90::product
