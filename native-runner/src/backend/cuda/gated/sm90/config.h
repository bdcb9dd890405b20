#pragma once

#include "backend/backend.h"

namespace wishbone::cuda::sm90::gated {

/// A tile of the product is 128 rows by 256 columns, 64 of the sum at a time.
constexpr int tile_rows = 128, tile_columns = 256, tile_inner = 64;
/// What the epilogue moves at a time, of one warpgroup's rows: boxes of 64 rows by 32 columns.
constexpr int chunk_columns = 32, group_rows = 64;
constexpr int chunk_bytes = group_rows * chunk_columns * 2;

enum class Pass { forward, backward };

template <Pass P, Activation A>
struct Config {
    static constexpr Pass pass = P;
    static constexpr Activation activation = A;
    /// Blocks of a cluster work on the same columns, and load them for each other.
    static constexpr int Cluster = 2, Stages = 4;

    /// Columns of results: half of the product's are gates in the forward pass.
    static constexpr int Columns = P == Pass::forward ? tile_columns / 2 : tile_columns;
    static constexpr int Chunks = Columns / chunk_columns, Slices = 2 * Chunks;
    static constexpr int Groups = 2, Threads = 128 * (Groups + 1);
    static constexpr int LoadRegisters = 24, ComputeRegisters = 240;

    static constexpr int LeftBytes = tile_rows * tile_inner * 2, RightBytes = tile_columns * tile_inner * 2;
    // Places in shared memory.
    static constexpr int Left = 0, Right = Left + Stages * LeftBytes, Boxes = Right + Stages * RightBytes,
                         GroupBoxes = 3 * chunk_bytes, Barriers = Boxes + Groups * GroupBoxes,
                         Bytes = Barriers + 8 * (2 * Stages + 2 * Groups), Allocated = Bytes + 1024;
    static_assert(Allocated <= 232448);
};

}  // namespace wishbone::cuda::sm90::gated
