// Prefix-masked attention, forward: tiles with an online softmax (arXiv 2205.14135, 2307.08691), the mask
// given by one integer a key (arXiv 2410.01359).

#include <algorithm>
#include <cmath>

#include "backend/cpu/attention_mask.h"
#include "backend/cpu/attention_tiles.h"
#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/tile_matmul.h"
#include "backend/cpu/vector_math.h"
#include "backend/require.h"

namespace wishbone::cpu {
namespace {

/// Turns scores into exp(score - largest so far), and rescales what earlier strips left. A row that has seen
/// only hidden scores holds finite nonsense until the first visible one scales it by exp(-1e30) = 0.
WISHBONE_CLONES
void online_softmax(std::int64_t rows, float* scores, std::int64_t stride, std::int64_t width, float* largest,
                    float* sum, float* out, std::int64_t padded_dim, bool first) {
    for (std::int64_t i = 0; i < rows; ++i) {
        float* row = scores + i * stride;
        float top = row[0];
#pragma omp simd reduction(max : top)
        for (std::int64_t j = 0; j < width; ++j) top = row[j] > top ? row[j] : top;
        float before = 0;
        if (!first) {
            top = largest[i] > top ? largest[i] : top;
            if (top > largest[i]) {
                const float shrink = exp_fast(largest[i] - top);
                before = sum[i] * shrink;
                float* row_out = out + i * padded_dim;
#pragma omp simd
                for (std::int64_t d = 0; d < padded_dim; ++d) row_out[d] *= shrink;
            } else {
                before = sum[i];
            }
        }
        float total = 0;
#pragma omp simd reduction(+ : total)
        for (std::int64_t j = 0; j < width; ++j) {
            const float p = exp_fast(row[j] - top);
            row[j] = p;
            total += p;
        }
        largest[i] = top;
        sum[i] = before + total;
    }
}

struct Forward {
    const CpuMask& mask;
    const HeadLayout layout;
    const float scale, softcap;
    const std::int64_t tokens;
    const float* qkv;
    float* out;
    float* lse;

    std::size_t scratch_size() const {
        std::int32_t columns = 0;
        for (const Tree& tree : mask.trees) columns = std::max(columns, tree.columns);
        const std::int64_t rows = layout.most_rows();
        return static_cast<std::size_t>(columns * (layout.head_dim + layout.padded_dim) +
                                        2 * rows * layout.padded_dim + rows * CpuMask::strip_columns +
                                        2 * rows);
    }

    void run(const CpuMask::Task& task, Scratch& scratch) const {
        const auto tile = [this](std::int32_t i) -> const Tile& {
            return mask.tiles[static_cast<std::size_t>(i)];
        };
        const Tree& tree = mask.trees[static_cast<std::size_t>(task.tree)];
        const std::int64_t dim = layout.head_dim, padded = layout.padded_dim,
                           rows_at_most = layout.most_rows();
        const auto floats = [](std::int64_t n) { return static_cast<std::size_t>(n); };
        scratch.reserve(scratch_size());
        float* keys = scratch.take(floats(tree.columns * dim));  // a tile's keys: [head_dim, tile.columns]
        float* values = scratch.take(floats(tree.columns * padded));  // [columns, padded_dim]
        float* queries = scratch.take(floats(rows_at_most * padded));
        float* sums = scratch.take(floats(rows_at_most * padded));
        float* scores = scratch.take(floats(rows_at_most * CpuMask::strip_columns));
        float* largest = scratch.take(floats(rows_at_most));
        float* total = scratch.take(floats(rows_at_most));

        for (std::int32_t i = tree.tile_begin; i < task.tile_end; ++i) {
            const Tile& key = tile(i);
            const float* row = qkv + key.begin * layout.row_size + task.kv_head * dim;
            pack_columns(keys + key.column * dim, key.columns, row + layout.key_offset, layout.row_size,
                         key.tokens(), dim);
            float* to = values + key.column * padded;
            pack_rows(to, row + layout.value_offset, layout.row_size, key.tokens(), dim, padded, 1.0f);
            std::fill(to + key.tokens() * padded, to + key.columns * padded, 0.0f);
        }

        for (std::int32_t i = task.tile_begin; i < task.tile_end; ++i) {
            const Tile& query = tile(i);
            const std::int64_t count = query.tokens();
            for (std::int64_t first_head = 0; first_head < layout.group; first_head += layout.stacked) {
                const std::int64_t heads = std::min(layout.stacked, layout.group - first_head),
                                   rows = heads * count;
                const std::int64_t head_begin = task.kv_head * layout.group + first_head;
                for (std::int64_t h = 0; h < heads; ++h)
                    pack_rows(queries + h * count * padded,
                              qkv + query.begin * layout.row_size + (head_begin + h) * dim, layout.row_size,
                              count, dim, padded, scale);
                for (std::int32_t s = query.strip_begin; s < query.strip_end; ++s) {
                    const Strip& strip = mask.strips[static_cast<std::size_t>(s)];
                    const std::int64_t start = mask.first_column(strip), width = mask.width(strip);
                    const bool first = s == query.strip_begin;
                    for (std::int32_t j = strip.begin; j < strip.end; ++j) {
                        const Tile& key = tile(j);
                        float* to = scores + key.column - start;
                        tile_matmul({.m = rows,
                                     .n = key.columns,
                                     .k = dim,
                                     .a = queries,
                                     .a_row = padded,
                                     .a_column = 1,
                                     .b = keys + key.column * dim,
                                     .b_row = key.columns,
                                     .c = to,
                                     .c_row = width,
                                     .accumulate = false});
                        if (softcap > 0) cap_scores(to, width, rows, key.columns, softcap);
                        mask.hide(to, width, heads, query, key);
                    }
                    online_softmax(rows, scores, width, width, largest, total, sums, padded, first);
                    tile_matmul({.m = rows,
                                 .n = padded,
                                 .k = width,
                                 .a = scores,
                                 .a_row = width,
                                 .a_column = 1,
                                 .b = values + start * padded,
                                 .b_row = padded,
                                 .c = sums,
                                 .c_row = padded,
                                 .accumulate = !first});
                }
                for (std::int64_t h = 0; h < heads; ++h) {
                    const std::int64_t head = head_begin + h, row = h * count;
                    for (std::int64_t t = 0; t < count; ++t) {
                        lse[head * tokens + query.begin + t] = largest[row + t] + std::log(total[row + t]);
                        total[row + t] = 1.0f / total[row + t];
                    }
                    unpack_rows(out + query.begin * layout.out_size + head * dim, layout.out_size,
                                sums + row * padded, count, dim, padded, total + row);
                }
            }
        }
    }
};

}  // namespace

void CpuBackend::attention(Tensor out, Tensor lse, Tensor qkv, const AttentionMask& mask,
                           AttentionShape shape) {
    const auto* cpu_mask = dynamic_cast<const CpuMask*>(&mask);
    const std::int64_t tokens = qkv.shape[0], heads = shape.query_heads + 2 * shape.kv_heads;
    require(cpu_mask != nullptr && static_cast<std::int64_t>(cpu_mask->visible_until.size()) == tokens &&
                shape.kv_heads > 0 && shape.query_heads % shape.kv_heads == 0 &&
                is_f32(qkv, {tokens, heads, shape.head_dim}) &&
                is_f32(out, {tokens, shape.query_heads * shape.head_dim}) &&
                is_f32(lse, {shape.query_heads, tokens}),
            "attention");
    const Forward forward{*cpu_mask, HeadLayout(shape), shape.scale,     shape.softcap,
                          tokens,    qkv.as<float>(),   out.as<float>(), lse.as<float>()};
    const std::vector<CpuMask::Task> tasks = cpu_mask->tasks(shape.kv_heads, threads());
    pool_.run(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t i, int thread) {
        forward.run(tasks[static_cast<std::size_t>(i)], thread_scratch_[static_cast<std::size_t>(thread)]);
    });
}

}  // namespace wishbone::cpu
