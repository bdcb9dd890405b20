#include "backend/cpu/attention/call.h"

#include "backend/cpu/matmul/tile_matmul.h"
#include "backend/require.h"

namespace wishbone::cpu {

namespace {

const CpuMask& checked(const char* operation, const AttentionMask& mask, const AttentionShape& shape,
                       const Tensor& out, const Tensor& lse, const Tensor& qkv) {
    const auto* cpu_mask = dynamic_cast<const CpuMask*>(&mask);
    const std::int64_t tokens = qkv.shape[0], heads = shape.query_heads + 2 * shape.kv_heads;
    require(cpu_mask != nullptr && static_cast<std::int64_t>(cpu_mask->visible_until.size()) == tokens &&
                shape.kv_heads > 0 && shape.query_heads % shape.kv_heads == 0 &&
                is_f32(qkv, {tokens, heads, shape.head_dim}) &&
                is_f32(out, {tokens, shape.query_heads * shape.head_dim}) &&
                is_f32(lse, {shape.query_heads, tokens}),
            operation);
    return *cpu_mask;
}

}  // namespace

AttentionCall::AttentionCall(const char* operation, const AttentionMask& mask_of_call, AttentionShape shape,
                             Tensor out, Tensor lse, Tensor qkv_of_call)
    : mask(checked(operation, mask_of_call, shape, out, lse, qkv_of_call)),
      layout(shape),
      scale(shape.scale),
      softcap(shape.softcap),
      tokens(qkv_of_call.shape[0]),
      qkv(qkv_of_call.as<float>()) {}

std::int64_t AttentionCall::most_columns() const {
    std::int32_t columns = 0;
    for (const Tree& each : mask.trees) columns = std::max(columns, each.columns);
    return columns;
}

void AttentionCall::pack_tile_columns(float* columns, const Tile& key, std::int64_t offset) const {
    pack_columns(columns + key.column * layout.head_dim, key.columns,
                 qkv + key.begin * layout.row_size + offset, layout.row_size, key.tokens(), layout.head_dim);
}

void AttentionCall::pack_tile_rows(float* rows, const Tile& key, std::int64_t offset) const {
    const std::int64_t padded = layout.padded_dim;
    float* const to = rows + key.column * padded;
    pack_rows(to, qkv + key.begin * layout.row_size + offset, layout.row_size, key.tokens(), layout.head_dim,
              padded, 1.0f);
    std::fill(to + key.tokens() * padded, to + key.columns * padded, 0.0f);
}

void AttentionCall::multiply_tile(float* to, std::int64_t stride, const QueryRows& rows, const Tile& key,
                                  const float* left, const float* columns) const {
    tile_matmul({.m = rows.count(),
                 .n = key.columns,
                 .k = layout.head_dim,
                 .a = left,
                 .a_row = layout.padded_dim,
                 .a_column = 1,
                 .b = columns + key.column * layout.head_dim,
                 .b_row = key.columns,
                 .c = to,
                 .c_row = stride,
                 .accumulate = false});
}

void AttentionCall::score_tile(float* to, std::int64_t stride, const QueryRows& rows, const Tile& key,
                               const float* queries, const float* key_columns) const {
    multiply_tile(to, stride, rows, key, queries, key_columns);
    if (softcap > 0) cap_scores(to, stride, rows.count(), key.columns, softcap);
    mask.hide(to, stride, rows.heads, rows.tile, key);
}

}  // namespace wishbone::cpu
