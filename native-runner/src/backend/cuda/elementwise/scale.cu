#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

constexpr int block_threads = 256;

__global__ void __launch_bounds__(block_threads)
    scale_kernel(float* x, float factor, std::int64_t count, bool aligned) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
    const std::int64_t whole = aligned ? count / 4 : 0;
    if (i < whole) {
        float4 four = reinterpret_cast<float4*>(x)[i];
        four.x *= factor;
        four.y *= factor;
        four.z *= factor;
        four.w *= factor;
        reinterpret_cast<float4*>(x)[i] = four;
    } else if (const std::int64_t rest = whole * 4 + (i - whole); rest < count) {
        x[rest] *= factor;
    }
}

__global__ void __launch_bounds__(block_threads)
    scale_bf16_kernel(bf16* x, float factor, std::int64_t count) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
    if (i < count) x[i] = __float2bfloat16_rn(factor * __bfloat162float(x[i]));
}

}  // namespace

void CudaBackend::scale(Tensor x, float factor) {
    require(x.dtype == DType::f32 || x.dtype == DType::bf16, "scale");
    const std::int64_t count = x.size();
    if (count == 0) return;
    if (x.dtype == DType::bf16) {
        scale_bf16_kernel<<<static_cast<unsigned>(divide_up(count, block_threads)), block_threads, 0,
                            stream_.get()>>>(x.as<bf16>(), factor, count);
        return check_launch("scale");
    }
    const bool aligned = vectorised(8, {x.data});
    const std::int64_t items = aligned ? count / 4 + count % 4 : count;
    scale_kernel<<<static_cast<unsigned>(divide_up(items, block_threads)), block_threads, 0, stream_.get()>>>(
        x.as<float>(), factor, count, aligned);
    check_launch("scale");
}

}  // namespace wishbone::cuda
