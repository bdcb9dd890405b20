#include "backend/cpu/attention/tiles.h"

#include <algorithm>

#include "backend/cpu/primitives/vector_math.h"

namespace wishbone::cpu {

HeadLayout::HeadLayout(const AttentionShape& shape)
    : head_dim(shape.head_dim),
      padded_dim((shape.head_dim + CpuMask::lanes - 1) / CpuMask::lanes * CpuMask::lanes),
      group(shape.query_heads / shape.kv_heads),
      stacked(std::min<std::int64_t>(group, 4)),
      row_size((shape.query_heads + 2 * shape.kv_heads) * shape.head_dim),
      out_size(shape.query_heads * shape.head_dim),
      key_offset(shape.query_heads * shape.head_dim),
      value_offset((shape.query_heads + shape.kv_heads) * shape.head_dim) {}

WISHBONE_CLONES
void pack_rows(float* rows, const float* from, std::int64_t from_stride, std::int64_t count,
               std::int64_t head_dim, std::int64_t padded_dim, float factor) {
    for (std::int64_t i = 0; i < count; ++i) {
        float* row = rows + i * padded_dim;
        const float* source = from + i * from_stride;
#pragma omp simd
        for (std::int64_t d = 0; d < head_dim; ++d) row[d] = source[d] * factor;
        for (std::int64_t d = head_dim; d < padded_dim; ++d) row[d] = 0;
    }
}

WISHBONE_CLONES
void unpack_rows(float* to, std::int64_t to_stride, const float* rows, std::int64_t count,
                 std::int64_t head_dim, std::int64_t padded_dim, const float* factors) {
    for (std::int64_t i = 0; i < count; ++i) {
        float* row = to + i * to_stride;
        const float* source = rows + i * padded_dim;
        const float factor = factors[i];
#pragma omp simd
        for (std::int64_t d = 0; d < head_dim; ++d) row[d] = source[d] * factor;
    }
}

void pack_columns(float* columns, std::int64_t stride, const float* from, std::int64_t from_stride,
                  std::int64_t count, std::int64_t head_dim) {
    // Blocks of 8 × 8, so that neither the reads nor the writes touch more lines than the first cache holds.
    constexpr std::int64_t block = 8;
    for (std::int64_t i = 0; i < count; i += block)
        for (std::int64_t d = 0; d < head_dim; d += block)
            for (std::int64_t k = d; k < std::min(d + block, head_dim); ++k)
                for (std::int64_t j = i; j < std::min(i + block, count); ++j)
                    columns[k * stride + j] = from[j * from_stride + k];
    if (count < stride)
        for (std::int64_t d = 0; d < head_dim; ++d)
            std::fill(columns + d * stride + count, columns + (d + 1) * stride, 0.0f);
}

WISHBONE_CLONES
void cap_scores(float* scores, std::int64_t stride, std::int64_t rows, std::int64_t columns, float cap) {
    const float inverse = 1.0f / cap;
    for (std::int64_t i = 0; i < rows; ++i) {
        float* row = scores + i * stride;
#pragma omp simd
        for (std::int64_t j = 0; j < columns; ++j) row[j] = cap * tanh_fast(row[j] * inverse);
    }
}

}  // namespace wishbone::cpu
