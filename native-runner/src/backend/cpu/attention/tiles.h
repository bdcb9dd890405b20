#pragma once

#include <cstdint>

#include "backend/backend.h"
#include "backend/cpu/attention/mask.h"

namespace wishbone::cpu {

/// How attention cuts its heads. Query heads that share a KV head are stacked as rows of one matrix, as many
/// at a time as keep the score strip in the caches.
struct HeadLayout {
    HeadLayout(const AttentionShape& shape);

    std::int64_t head_dim, padded_dim;  ///< padded to whole vectors
    std::int64_t group, stacked;        ///< query heads a KV head, and those handled together
    std::int64_t row_size;              ///< of qkv
    std::int64_t out_size;              ///< of a row of the attention's output
    std::int64_t key_offset, value_offset;
    std::int64_t most_rows() const { return stacked * CpuMask::tile_tokens; }
};

/// rows [count, padded_dim] = factor * from[count rows, `from_stride` apart][head_dim], zeros behind.
void pack_rows(float* rows, const float* from, std::int64_t from_stride, std::int64_t count,
               std::int64_t head_dim, std::int64_t padded_dim, float factor);

/// to[count rows, `to_stride` apart][head_dim] = factors[i] * row i of rows [count, padded_dim].
void unpack_rows(float* to, std::int64_t to_stride, const float* rows, std::int64_t count,
                 std::int64_t head_dim, std::int64_t padded_dim, const float* factors);

/// columns [head_dim, stride] = the transpose of from[count rows][head_dim], zeros behind up to `stride`.
void pack_columns(float* columns, std::int64_t stride, const float* from, std::int64_t from_stride,
                  std::int64_t count, std::int64_t head_dim);

/// Rows of scores become cap · tanh(score / cap).
void cap_scores(float* scores, std::int64_t stride, std::int64_t rows, std::int64_t columns, float cap);

}  // namespace wishbone::cpu
