// Prefix-masked attention, forward: tiles with an online softmax (arXiv 2205.14135, 2307.08691), the mask
// given by one integer a key (arXiv 2410.01359).

#include <cmath>

#include "backend/cpu/attention/call.h"
#include "backend/cpu/attention/mask.h"
#include "backend/cpu/attention/tiles.h"
#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/matmul/tile_matmul.h"
#include "backend/cpu/primitives/vector_math.h"

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

struct Forward : AttentionCall {
    float* out;
    float* lse;

    std::size_t scratch_size() const {
        const std::int64_t rows = layout.most_rows();
        return static_cast<std::size_t>(most_columns() * (layout.head_dim + layout.padded_dim) +
                                        2 * rows * layout.padded_dim + rows * CpuMask::strip_columns +
                                        2 * rows);
    }

    void run(const CpuMask::Task& task, Scratch& scratch) const {
        const Tree& whole = tree(task);
        const std::int64_t dim = layout.head_dim, padded = layout.padded_dim,
                           rows_at_most = layout.most_rows();
        const auto floats = [](std::int64_t n) { return static_cast<std::size_t>(n); };
        scratch.reserve(scratch_size());
        float* keys = scratch.take(floats(whole.columns * dim));  // a tile's keys: [head_dim, tile.columns]
        float* values = scratch.take(floats(whole.columns * padded));  // [columns, padded_dim]
        float* queries = scratch.take(floats(rows_at_most * padded));
        float* sums = scratch.take(floats(rows_at_most * padded));
        float* scores = scratch.take(floats(rows_at_most * CpuMask::strip_columns));
        float* largest = scratch.take(floats(rows_at_most));
        float* total = scratch.take(floats(rows_at_most));

        for (std::int32_t i = whole.tile_begin; i < task.tile_end; ++i) {
            pack_tile_columns(keys, tile(i), layout.key_offset + task.kv_head * dim);
            pack_tile_rows(values, tile(i), layout.value_offset + task.kv_head * dim);
        }

        each_stack(task, [&](const QueryRows& rows) {
            const Tile& query = rows.tile;
            const std::int64_t count = rows.tokens();
            for (std::int64_t h = 0; h < rows.heads; ++h)
                pack_rows(queries + h * count * padded,
                          qkv + query.begin * layout.row_size + (rows.head_begin + h) * dim, layout.row_size,
                          count, dim, padded, scale);
            for (std::int32_t s = query.strip_begin; s < query.strip_end; ++s) {
                const Strip& strip = mask.strips[static_cast<std::size_t>(s)];
                const std::int64_t start = mask.first_column(strip), width = mask.width(strip);
                const bool first = s == query.strip_begin;
                for (std::int32_t j = strip.begin; j < strip.end; ++j)
                    score_tile(scores + tile(j).column - start, width, rows, tile(j), queries, keys);
                online_softmax(rows.count(), scores, width, width, largest, total, sums, padded, first);
                tile_matmul({.m = rows.count(),
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
            for (std::int64_t h = 0; h < rows.heads; ++h) {
                const std::int64_t head = rows.head_begin + h, row = h * count;
                for (std::int64_t t = 0; t < count; ++t) {
                    lse[head * tokens + query.begin + t] = largest[row + t] + std::log(total[row + t]);
                    total[row + t] = 1.0f / total[row + t];
                }
                unpack_rows(out + query.begin * layout.out_size + head * dim, layout.out_size,
                            sums + row * padded, count, dim, padded, total + row);
            }
        });
    }
};

}  // namespace

void CpuBackend::attention(Tensor out, Tensor lse, Tensor qkv, const AttentionMask& mask,
                           AttentionShape shape) {
    const Forward forward{{"attention", mask, shape, out, lse, qkv}, out.as<float>(), lse.as<float>()};
    const std::vector<CpuMask::Task> tasks = forward.mask.tasks(shape.kv_heads, threads(), shape.first_query);
    pool_.run(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t i, int thread) {
        forward.run(tasks[static_cast<std::size_t>(i)], thread_scratch_[static_cast<std::size_t>(thread)]);
    });
}

}  // namespace wishbone::cpu
