#pragma once

#include <cstdint>

namespace wishbone::cuda::sm90::backward {

constexpr int key_tile = 128;    ///< keys of an item of key_gradient_kernel
constexpr int block_rows = 128;  ///< rows of a block of query_gradient_kernel
constexpr int consumer_threads = 256;
constexpr int threads = 128 + consumer_threads;
constexpr int consumer_warps = consumer_threads / 32;

/// Rows of the query tiles, by head size.
constexpr int query_rows(std::int64_t head_dim) { return head_dim == 64 ? 128 : 64; }
/// Keys of a step of query_gradient_kernel. Head size 64 with steps of 64 keys must not be tried without a
/// look at the machine code: ptxas 13.0 then puts dS into the registers that hold dO for all steps.
constexpr int key_block(std::int64_t head_dim) { return head_dim == 64 ? 128 : 64; }

/// Numbers of a row that the query pass leaves for the key pass: lse · log2(e), delta and, with a window, the
/// first token that the row sees.
template <bool Windowed>
constexpr int row_statistics = Windowed ? 3 : 2;

}  // namespace wishbone::cuda::sm90::backward
