#pragma once

#include <cuda_bf16.h>

#include <cstdint>

namespace wishbone::cuda::sm90::product {

/// Numbers of rows, of columns of results, and of what is summed over.
struct Size {
    std::int64_t rows, columns, inner;
};

/// How the operands of a product lie in memory, and so what it is in a linear layer with weights [outputs, inputs].
enum class Form {
    forward,        ///< rows of both along the sum: x [rows, inputs] · w [outputs, inputs]ᵀ
    input_gradient  ///< the right one across: d_out [rows, outputs] · w [outputs, inputs]
};

/// The operands of a product.
struct Factors {
    const __nv_bfloat16 *left, *right;
};

/// A second product of as many rows and columns that is added to the first: its sums go on behind those.
struct Behind {
    Factors of = {};
    std::int64_t inner = 0;  ///< 0: there is none
};

/// A tile of the product is 128 rows by 256 columns, 64 of the sum at a time.
constexpr int tile_rows = 128, tile_columns = 256, tile_inner = 64;
/// What an epilogue moves at a time, of one warpgroup's rows: boxes of 64 rows by 32 columns, in bf16.
constexpr int chunk_columns = 32, group_rows = 64, box_bytes = group_rows * chunk_columns * 2;

}  // namespace wishbone::cuda::sm90::product
