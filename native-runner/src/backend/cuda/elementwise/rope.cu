#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/primitives/packed.cuh"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"
#include "backend/rope_shapes.h"

namespace wishbone::cuda {
namespace {

constexpr int warps_of_block = 8;

/// A warp a token. A lane has the same N of the R/2 angles for every head it turns, so each cosine is read
/// once. `chunks` = R/2 / N, at most 32; lanes left over by 32 % chunks rest.
template <int N>
__global__ void __launch_bounds__(32 * warps_of_block)
    rope_kernel(bf16* qkv, const float* cos, const float* sin, const std::int32_t* position,
                std::int64_t tokens, int heads, int turned_heads, int head_dim, int chunks, float direction) {
    const std::int64_t token = static_cast<std::int64_t>(blockIdx.x) * warps_of_block + threadIdx.y;
    const int lane = static_cast<int>(threadIdx.x), heads_at_once = 32 / chunks;
    if (token >= tokens || lane >= heads_at_once * chunks) return;
    const int half = chunks * N, at = lane % chunks * N;
    const std::int64_t angle = static_cast<std::int64_t>(position[token]) * half + at;
    float c[N], s[N];
#pragma unroll
    for (int i = 0; i < N; ++i) {
        c[i] = cos[angle + i];
        s[i] = direction * sin[angle + i];
    }
#pragma unroll 4
    for (int head = lane / chunks; head < turned_heads; head += heads_at_once) {
        bf16* low = qkv + (token * heads + head) * head_dim + at;
        bf16* high = low + half;
        float a[N], b[N];
        Packed<N>::load(low).unpack(a);
        Packed<N>::load(high).unpack(b);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const float x = a[i], y = b[i];
            a[i] = x * c[i] - y * s[i];
            b[i] = y * c[i] + x * s[i];
        }
        Packed<N>::pack(a).store(low);
        Packed<N>::pack(b).store(high);
    }
}

/// Heads of any even size.
__global__ void rope_any(bf16* qkv, const float* cos, const float* sin, const std::int32_t* position,
                         int heads, int turned_heads, int head_dim, int half, float direction) {
    const std::int64_t token = blockIdx.x;
    for (int i = static_cast<int>(threadIdx.x); i < turned_heads * half; i += static_cast<int>(blockDim.x)) {
        const int head = i / half, at = i % half;
        const std::int64_t angle = static_cast<std::int64_t>(position[token]) * half + at;
        const float c = cos[angle], s = direction * sin[angle];
        bf16* low = qkv + (token * heads + head) * head_dim + at;
        const float x = __bfloat162float(low[0]), y = __bfloat162float(low[half]);
        low[0] = __float2bfloat16_rn(x * c - y * s);
        low[half] = __float2bfloat16_rn(y * c + x * s);
    }
}

}  // namespace

void CudaBackend::rope(Tensor qkv, const Rotation& rotation, AttentionShape shape, bool inverse) {
    const auto& [cos, sin, position] = rotation;
    const std::int64_t tokens = qkv.shape[0], half = rotation.planes();
    const std::int64_t heads = shape.query_heads + 2 * shape.kv_heads,
                       turned = shape.query_heads + shape.kv_heads;
    require(is_bf16(qkv, {tokens, heads, shape.head_dim}) && fits_rope(rotation, tokens, shape), "rope");
    if (tokens == 0 || turned == 0 || half == 0) return;
    const float direction = inverse ? -1.0f : 1.0f;
    const auto h = static_cast<int>(heads), t = static_cast<int>(turned);
    if (vectorised(half, {qkv.data}) && shape.head_dim % bf16_vector == 0 && half / bf16_vector <= 32) {
        const auto grid = static_cast<unsigned>(divide_up(tokens, warps_of_block));
        rope_kernel<bf16_vector><<<grid, dim3(32, warps_of_block), 0, stream_.get()>>>(
            qkv.as<bf16>(), cos.as<float>(), sin.as<float>(), position.as<std::int32_t>(), tokens, h, t,
            static_cast<int>(shape.head_dim), static_cast<int>(half / bf16_vector), direction);
    } else {
        rope_any<<<static_cast<unsigned>(tokens), 256, 0, stream_.get()>>>(
            qkv.as<bf16>(), cos.as<float>(), sin.as<float>(), position.as<std::int32_t>(), h, t,
            static_cast<int>(shape.head_dim), static_cast<int>(half), direction);
    }
    check_launch("rope");
}

}  // namespace wishbone::cuda
