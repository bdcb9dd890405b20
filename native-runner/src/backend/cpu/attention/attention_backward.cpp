// Prefix-masked attention, backward: probabilities are computed again from the log-sum-exp (arXiv 2205.14135,
// algorithm 4). A task owns its query rows, and the key and value rows of its tree unless the tree had to be
// cut.

#include <algorithm>

#include "backend/cpu/attention/call.h"
#include "backend/cpu/attention/mask.h"
#include "backend/cpu/attention/tiles.h"
#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/matmul/tile_matmul.h"
#include "backend/cpu/primitives/vector_math.h"
#include "backend/require.h"

namespace wishbone::cpu {
namespace {

/// scores := p = exp(score - lse); d_p := p (d_p - delta), and where scores were capped, times 1 - tanh², the tanh
/// being score / cap. Hidden scores are far outside, but their p is 0.
template <bool capped>
WISHBONE_INLINE void softmax_backward_rows(std::int64_t rows, std::int64_t width, float* scores, float* d_p,
                                           const float* lse, const float* delta, float cap) {
    const float inverse = capped ? 1.0f / cap : 0.0f;
    for (std::int64_t i = 0; i < rows; ++i) {
        float* row = scores + i * width;
        float* d_row = d_p + i * width;
        const float normaliser = lse[i], offset = delta[i];
#pragma omp simd
        for (std::int64_t j = 0; j < width; ++j) {
            const float p = exp_fast(row[j] - normaliser);
            float d_score = p * (d_row[j] - offset);
            if constexpr (capped) {
                const float tangent = row[j] < -cap ? -1.0f : row[j] * inverse;
                d_score *= 1.0f - tangent * tangent;
            }
            row[j] = p;
            d_row[j] = d_score;
        }
    }
}

WISHBONE_CLONES
void softmax_backward(std::int64_t rows, std::int64_t width, float* scores, float* d_p, const float* lse,
                      const float* delta) {
    softmax_backward_rows<false>(rows, width, scores, d_p, lse, delta, 0.0f);
}

WISHBONE_CLONES
void capped_softmax_backward(std::int64_t rows, std::int64_t width, float* scores, float* d_p,
                             const float* lse, const float* delta, float cap) {
    softmax_backward_rows<true>(rows, width, scores, d_p, lse, delta, cap);
}

/// to[i] = the dot product of rows i of a and b, both `stride` apart.
WISHBONE_CLONES
void row_dots(std::int64_t rows, std::int64_t size, float* to, const float* a, const float* b,
              std::int64_t stride) {
    for (std::int64_t i = 0; i < rows; ++i) {
        const float* x = a + i * stride;
        const float* y = b + i * stride;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t d = 0; d < size; ++d) sum += x[d] * y[d];
        to[i] = sum;
    }
}

WISHBONE_CLONES
void add_floats(std::int64_t size, float* to, const float* from) {
#pragma omp simd
    for (std::int64_t i = 0; i < size; ++i) to[i] += from[i];
}

struct Backward : AttentionCall {
    const float* out;
    const float* lse;
    const float* d_out;
    float* d_qkv;

    std::size_t scratch_size() const {
        const std::int64_t rows = layout.most_rows();
        return static_cast<std::size_t>(most_columns() * (2 * layout.head_dim + 3 * layout.padded_dim) +
                                        3 * rows * layout.padded_dim + 2 * rows * CpuMask::strip_columns +
                                        2 * rows);
    }

    /// Floats of the partial sums of one part of a cut tree: d_keys then d_values.
    std::int64_t partial_size(const CpuMask::Task& task) const {
        return 2 * tree(task).columns * layout.padded_dim;
    }

    void store_keys(const CpuMask::Task& task, const float* d_keys, const float* d_values) const {
        const Tree& whole = tree(task);
        const std::int64_t dim = layout.head_dim, padded = layout.padded_dim;
        for (std::int32_t i = whole.tile_begin; i < whole.tile_end; ++i)
            for (std::int64_t t = 0; t < tile(i).tokens(); ++t) {
                const std::int64_t column = (tile(i).column + t) * padded;
                float* row = d_qkv + (tile(i).begin + t) * layout.row_size + task.kv_head * dim;
                std::copy_n(d_keys + column, dim, row + layout.key_offset);
                std::copy_n(d_values + column, dim, row + layout.value_offset);
            }
    }

    /// `partial` takes the sums over the task's queries when its tree is cut, and is null otherwise.
    void run(const CpuMask::Task& task, Scratch& scratch, float* partial) const {
        const Tree& whole = tree(task);
        const std::int64_t dim = layout.head_dim, padded = layout.padded_dim,
                           rows_at_most = layout.most_rows();
        const auto floats = [](std::int64_t n) { return static_cast<std::size_t>(n); };
        scratch.reserve(scratch_size());
        float* keys = scratch.take(floats(whole.columns * padded));      // [columns, padded_dim]
        float* key_columns = scratch.take(floats(whole.columns * dim));  // a tile's: [head_dim, tile.columns]
        float* value_columns = scratch.take(floats(whole.columns * dim));
        float* d_keys = scratch.take(floats(whole.columns * padded));
        float* d_values = scratch.take(floats(whole.columns * padded));
        float* queries = scratch.take(floats(rows_at_most * padded));
        float* d_outs = scratch.take(floats(rows_at_most * padded));
        float* d_queries = scratch.take(floats(rows_at_most * padded));
        float* scores = scratch.take(floats(rows_at_most * CpuMask::strip_columns));
        float* d_scores = scratch.take(floats(rows_at_most * CpuMask::strip_columns));
        float* normaliser = scratch.take(floats(rows_at_most));
        float* delta = scratch.take(floats(rows_at_most));
        if (partial != nullptr) {
            d_keys = partial;
            d_values = partial + whole.columns * padded;
        }
        std::fill_n(d_keys, whole.columns * padded, 0.0f);
        std::fill_n(d_values, whole.columns * padded, 0.0f);

        for (std::int32_t i = whole.tile_begin; i < task.tile_end; ++i) {
            const std::int64_t key = layout.key_offset + task.kv_head * dim;
            pack_tile_columns(key_columns, tile(i), key);
            pack_tile_columns(value_columns, tile(i), layout.value_offset + task.kv_head * dim);
            pack_tile_rows(keys, tile(i), key);
        }

        each_stack(task, [&](const QueryRows& rows) {
            const Tile& query = rows.tile;
            const std::int64_t count = rows.tokens();
            for (std::int64_t h = 0; h < rows.heads; ++h) {
                const std::int64_t column = (rows.head_begin + h) * dim;
                const float* out_row = out + query.begin * layout.out_size + column;
                const float* d_out_row = d_out + query.begin * layout.out_size + column;
                pack_rows(queries + h * count * padded, qkv + query.begin * layout.row_size + column,
                          layout.row_size, count, dim, padded, scale);
                pack_rows(d_outs + h * count * padded, d_out_row, layout.out_size, count, dim, padded, 1.0f);
                std::copy_n(lse + (rows.head_begin + h) * tokens + query.begin, count,
                            normaliser + h * count);
                row_dots(count, dim, delta + h * count, d_out_row, out_row, layout.out_size);
            }
            for (std::int32_t s = query.strip_begin; s < query.strip_end; ++s) {
                const Strip& strip = mask.strips[static_cast<std::size_t>(s)];
                const std::int64_t start = mask.first_column(strip), width = mask.width(strip);
                for (std::int32_t j = strip.begin; j < strip.end; ++j) {
                    const std::int64_t offset = tile(j).column - start;
                    score_tile(scores + offset, width, rows, tile(j), queries, key_columns);
                    multiply_tile(d_scores + offset, width, rows, tile(j), d_outs, value_columns);
                }
                if (softcap > 0)
                    capped_softmax_backward(rows.count(), width, scores, d_scores, normaliser, delta,
                                            softcap);
                else
                    softmax_backward(rows.count(), width, scores, d_scores, normaliser, delta);
                TileMatmul job{.m = width,
                               .n = padded,
                               .k = rows.count(),
                               .a = scores,
                               .a_row = 1,
                               .a_column = width,
                               .b = d_outs,
                               .b_row = padded,
                               .c = d_values + start * padded,
                               .c_row = padded,
                               .accumulate = true};
                tile_matmul(job);
                job.a = d_scores;
                job.b = queries;  // scaled already, as d_key wants it
                job.c = d_keys + start * padded;
                tile_matmul(job);
                tile_matmul({.m = rows.count(),
                             .n = padded,
                             .k = width,
                             .a = d_scores,
                             .a_row = width,
                             .a_column = 1,
                             .b = keys + start * padded,
                             .b_row = padded,
                             .c = d_queries,
                             .c_row = padded,
                             .accumulate = s != query.strip_begin});
            }
            std::fill_n(delta, count, scale);
            for (std::int64_t h = 0; h < rows.heads; ++h)
                unpack_rows(d_qkv + query.begin * layout.row_size + (rows.head_begin + h) * dim,
                            layout.row_size, d_queries + h * count * padded, count, dim, padded, delta);
        });
        if (partial == nullptr) store_keys(task, d_keys, d_values);
    }
};

}  // namespace

void CpuBackend::attention_backward(Tensor d_qkv, Tensor d_out, Tensor out, Tensor lse, Tensor /*delta*/,
                                    Tensor qkv, const AttentionMask& mask, AttentionShape shape,
                                    const Rotation& rotation) {
    const Backward backward{{"attention_backward", mask, shape, out, lse, qkv},
                            out.as<float>(),
                            lse.as<float>(),
                            d_out.as<float>(),
                            d_qkv.as<float>()};
    const std::int64_t tokens = backward.tokens;
    require(is_f32(d_qkv, {tokens, qkv.shape[1], shape.head_dim}) &&
                is_f32(d_out, {tokens, shape.query_heads * shape.head_dim}),
            "attention_backward");
    const std::vector<CpuMask::Task> tasks = backward.mask.tasks(shape.kv_heads, threads());

    // Parts of a cut tree sum into their own memory, which is added up in the order of the parts afterwards.
    std::vector<std::int64_t> partial_at(tasks.size(), -1);
    std::int64_t partial_floats = 0;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        if (tasks[i].parts == 1) continue;
        partial_at[i] = partial_floats;
        partial_floats += backward.partial_size(tasks[i]);
    }
    shared_scratch_.reserve(static_cast<std::size_t>(partial_floats));
    float* partial = shared_scratch_.take(static_cast<std::size_t>(partial_floats));

    pool_.run(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t index, int thread) {
        const auto i = static_cast<std::size_t>(index);
        backward.run(tasks[i], thread_scratch_[static_cast<std::size_t>(thread)],
                     partial_at[i] < 0 ? nullptr : partial + partial_at[i]);
    });

    std::vector<std::size_t> first_parts;
    for (std::size_t i = 0; i < tasks.size(); ++i)
        if (tasks[i].parts > 1 && tasks[i].part == 0) first_parts.push_back(i);
    pool_.run(static_cast<std::int64_t>(first_parts.size()), [&](std::int64_t n, int) {
        const std::size_t first_part = first_parts[static_cast<std::size_t>(n)];
        const CpuMask::Task& first = tasks[first_part];
        float* sum = partial + partial_at[first_part];
        const std::int64_t size = backward.partial_size(first);
        for (std::int32_t part = 1; part < first.parts; ++part)
            for (std::size_t i = 0; i < tasks.size(); ++i)
                if (tasks[i].tree == first.tree && tasks[i].kv_head == first.kv_head && tasks[i].part == part)
                    add_floats(size, sum, partial + partial_at[i]);
        backward.store_keys(first, sum, sum + size / 2);
    });
    if (rotation) rope(d_qkv, rotation, shape, true);
}

}  // namespace wishbone::cpu
