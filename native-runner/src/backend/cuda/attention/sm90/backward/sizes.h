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

/// Gradients of scores go through device memory where those of a bin have no more bytes than this, by head size: reading and writing
/// them is less than computing them again where heads are large, or trees short enough. `score_block` keys are a step then, and
/// `score_rows` rows an item of what reads them.
constexpr std::int64_t most_score_bytes(std::int64_t head_dim) {
    return head_dim == 64 ? std::int64_t{640} << 20 : std::int64_t{1152} << 20;
}
constexpr int score_block = key_tile / 2, score_rows = 256;
/// Bytes that a strip of them (tiles.h) has of each row of the query tile: 16 keys, bf16.
constexpr int strip_row_bytes = 16 * 2;

/// Numbers of a row that the query pass leaves for the key pass: lse · log2(e), delta and, with a window, the
/// first token that the row sees.
template <bool Windowed>
constexpr int row_statistics = Windowed ? 3 : 2;

}  // namespace wishbone::cuda::sm90::backward
