#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

constexpr int block_threads = 256;

__device__ float read(float x) { return x; }
__device__ float read(bf16 x) { return __bfloat162float(x); }
__device__ void write(float& to, float x) { to = x; }
__device__ void write(bf16& to, float x) { to = __float2bfloat16_rn(x); }

/// Once in hundreds of steps: one element a thread is fast enough.
template <typename T>
__global__ void __launch_bounds__(block_threads)
    mix_kernel(T* to, const float* from, float share, std::int64_t count) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
    if (i < count) write(to[i], (1 - share) * read(to[i]) + share * from[i]);
}

}  // namespace

void CudaBackend::mix(Tensor to, Tensor from, float share) {
    require((to.dtype == DType::f32 || to.dtype == DType::bf16) && from.dtype == DType::f32 &&
                to.size() == from.size(),
            "mix");
    const std::int64_t count = to.size();
    if (count == 0) return;
    const auto blocks = static_cast<unsigned>(divide_up(count, block_threads));
    if (to.dtype == DType::f32)
        mix_kernel<<<blocks, block_threads, 0, stream_.get()>>>(to.as<float>(), from.as<float>(), share,
                                                                count);
    else
        mix_kernel<<<blocks, block_threads, 0, stream_.get()>>>(to.as<bf16>(), from.as<float>(), share,
                                                                count);
    check_launch("mix");
}

}  // namespace wishbone::cuda
