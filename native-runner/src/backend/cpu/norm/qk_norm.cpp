#include <algorithm>
#include <cmath>

#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/primitives/vector_math.h"
#include "backend/qk_norm_shapes.h"
#include "backend/require.h"

namespace wishbone::cpu {
namespace {

/// Elements that are normed together: a head, or all query heads (all key heads) of a token.
struct Groups {
    std::int64_t query_count, query_size, key_count, key_size, row_size, values;

    Groups(const AttentionShape& shape, std::int64_t query_weight, std::int64_t key_weight)
        : query_count(shape.query_heads * shape.head_dim / query_weight),
          query_size(query_weight),
          key_count(shape.kv_heads * shape.head_dim / key_weight),
          key_size(key_weight),
          row_size((shape.query_heads + 2 * shape.kv_heads) * shape.head_dim),
          values((shape.query_heads + shape.kv_heads) * shape.head_dim) {}
};

WISHBONE_INLINE float inverse_rms(const float* x, std::int64_t size, float eps) {
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (std::int64_t i = 0; i < size; ++i) squares += x[i] * x[i];
    return 1.0f / std::sqrt(squares / static_cast<float>(size) + eps);
}

WISHBONE_CLONES
void norm_groups(std::int64_t count, std::int64_t size, float* out, const float* x, const float* weight,
                 RmsNorm norm) {
    for (std::int64_t g = 0; g < count; ++g, out += size, x += size) {
        const float r = inverse_rms(x, size, norm.eps);
#pragma omp simd
        for (std::int64_t i = 0; i < size; ++i) out[i] = x[i] * r * (norm.offset + weight[i]);
    }
}

// As in rmsnorm.cpp, but the gradient is written over dy.
WISHBONE_CLONES
void norm_groups_backward(std::int64_t count, std::int64_t size, float* d, float* d_weight, const float* x,
                          const float* weight, RmsNorm norm) {
    for (std::int64_t g = 0; g < count; ++g, d += size, x += size) {
        const float r = inverse_rms(x, size, norm.eps);
        float dot = 0;
#pragma omp simd reduction(+ : dot)
        for (std::int64_t i = 0; i < size; ++i) dot += (norm.offset + weight[i]) * d[i] * x[i];
        const float pull = dot * r * r * r / static_cast<float>(size);
#pragma omp simd
        for (std::int64_t i = 0; i < size; ++i) {
            const float dy = d[i];
            d_weight[i] += dy * x[i] * r;
            d[i] = r * (norm.offset + weight[i]) * dy - x[i] * pull;
        }
    }
}

}  // namespace

void CpuBackend::qk_norm(Tensor out, Tensor qkv, Tensor query_weight, Tensor key_weight, AttentionShape shape,
                         RmsNorm norm) {
    require(fits_qk_norm(DType::f32, qkv, query_weight, key_weight, shape) &&
                fits_qk_norm(DType::f32, out, query_weight, key_weight, shape) &&
                out.shape[0] == qkv.shape[0],
            "qk_norm");
    const Groups groups(shape, query_weight.size(), key_weight.size());
    pool_.run_rows(qkv.shape[0], groups.row_size, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t t = begin; t < end; ++t) {
            const float* x = qkv.as<float>() + t * groups.row_size;
            float* to = out.as<float>() + t * groups.row_size;
            const std::int64_t keys = groups.query_count * groups.query_size;
            norm_groups(groups.query_count, groups.query_size, to, x, query_weight.as<float>(), norm);
            norm_groups(groups.key_count, groups.key_size, to + keys, x + keys, key_weight.as<float>(), norm);
            std::copy(x + groups.values, x + groups.row_size, to + groups.values);
        }
    });
}

void CpuBackend::qk_norm_backward(Tensor d_qkv, Tensor d_query_weight, Tensor d_key_weight, Tensor qkv,
                                  Tensor query_weight, Tensor key_weight, AttentionShape shape,
                                  RmsNorm norm) {
    const std::int64_t rows = qkv.shape[0];
    require(fits_qk_norm_backward(DType::f32, d_qkv, d_query_weight, d_key_weight, qkv, query_weight,
                                  key_weight, shape),
            "qk_norm_backward");
    const Groups groups(shape, query_weight.size(), key_weight.size());
    // Each piece of rows sums into its own memory; the pieces are added up in their order.
    const std::int64_t pieces = 2 * threads();
    const std::size_t query_part = Scratch::padded(static_cast<std::size_t>(groups.query_size)),
                      part_size = query_part + Scratch::padded(static_cast<std::size_t>(groups.key_size));
    shared_scratch_.reserve(part_size * static_cast<std::size_t>(pieces));
    float* parts = shared_scratch_.take(part_size * static_cast<std::size_t>(pieces));
    pool_.run(pieces, [&](std::int64_t piece, int) {
        float* part = parts + static_cast<std::size_t>(piece) * part_size;
        std::fill_n(part, part_size, 0.0f);
        for (std::int64_t t = rows * piece / pieces; t < rows * (piece + 1) / pieces; ++t) {
            const float* x = qkv.as<float>() + t * groups.row_size;
            float* d = d_qkv.as<float>() + t * groups.row_size;
            const std::int64_t keys = groups.query_count * groups.query_size;
            norm_groups_backward(groups.query_count, groups.query_size, d, part, x, query_weight.as<float>(),
                                 norm);
            norm_groups_backward(groups.key_count, groups.key_size, d + keys, part + query_part, x + keys,
                                 key_weight.as<float>(), norm);
        }
    });
    if (!d_query_weight) return;
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
        const float* part = parts + static_cast<std::size_t>(piece) * part_size;
        for (std::int64_t i = 0; i < groups.query_size; ++i) d_query_weight.as<float>()[i] += part[i];
        for (std::int64_t i = 0; i < groups.key_size; ++i)
            d_key_weight.as<float>()[i] += part[query_part + static_cast<std::size_t>(i)];
    }
}

}  // namespace wishbone::cpu
