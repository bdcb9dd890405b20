#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/primitives/vector_math.h"
#include "backend/require.h"
#include "backend/rope_shapes.h"

namespace wishbone::cpu {
namespace {

WISHBONE_CLONES
void rotate_rows(std::int64_t rows, float* qkv, std::int64_t row_size, std::int64_t heads,
                 std::int64_t head_dim, std::int64_t half, const float* cos, const float* sin,
                 const std::int32_t* position, float direction) {
    for (std::int64_t t = 0; t < rows; ++t) {
        const float* c = cos + position[t] * half;
        const float* s = sin + position[t] * half;
        for (std::int64_t head = 0; head < heads; ++head) {
            float* low = qkv + t * row_size + head * head_dim;
            float* high = low + half;
#pragma omp simd
            for (std::int64_t i = 0; i < half; ++i) {
                const float a = low[i], b = high[i], turn = direction * s[i];
                low[i] = a * c[i] - b * turn;
                high[i] = b * c[i] + a * turn;
            }
        }
    }
}

}  // namespace

void CpuBackend::rope(Tensor qkv, const Rotation& rotation, AttentionShape shape, bool inverse) {
    const std::int64_t rows = qkv.shape[0], half = rotation.planes();
    const std::int64_t heads = shape.query_heads + 2 * shape.kv_heads;
    require(is_f32(qkv, {rows, heads, shape.head_dim}) && fits_rope(rotation, rows, shape), "rope");
    pool_.run_rows(rows, heads * shape.head_dim, [&](std::int64_t begin, std::int64_t end) {
        rotate_rows(end - begin, qkv.as<float>() + begin * heads * shape.head_dim, heads * shape.head_dim,
                    shape.query_heads + shape.kv_heads, shape.head_dim, half, rotation.cos.as<float>(),
                    rotation.sin.as<float>(), rotation.position.as<std::int32_t>() + begin,
                    inverse ? -1.0f : 1.0f);
    });
}

}  // namespace wishbone::cpu
