#include <algorithm>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/primitives/warp.cuh"
#include "backend/cuda/require.h"
#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {
namespace {

constexpr int block_threads = 256;
constexpr int most_blocks = 2048;

/// Sum over the block, in every bit the same each time; thread 0 has it.
__device__ double sum_over_block(double value) {
    __shared__ double parts[block_threads / 32];
    value = warp_sum(value);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
    __syncthreads();
    double sum = 0;
    if (threadIdx.x == 0)
        for (const double part : parts) sum += part;
    return sum;
}

__global__ void __launch_bounds__(block_threads)
    sum_of_squares_kernel(double* parts, const float* x, std::int64_t count, bool aligned) {
    const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x,
                       stride = static_cast<std::int64_t>(gridDim.x) * block_threads;
    const std::int64_t whole = aligned ? count / 4 : 0;
    double sum = 0;
    const auto add = [&](float value) { sum += static_cast<double>(value) * static_cast<double>(value); };
#pragma unroll 4
    for (std::int64_t i = first; i < whole; i += stride) {
        const float4 four = reinterpret_cast<const float4*>(x)[i];
        add(four.x);
        add(four.y);
        add(four.z);
        add(four.w);
    }
    for (std::int64_t i = whole * 4 + first; i < count; i += stride) add(x[i]);
    sum = sum_over_block(sum);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(block_threads) sum_parts(double* total, const double* parts, int count) {
    double sum = 0;
    for (int i = static_cast<int>(threadIdx.x); i < count; i += block_threads) sum += parts[i];
    sum = sum_over_block(sum);
    if (threadIdx.x == 0) *total = sum;
}

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

double CudaBackend::sum_of_squares(Tensor x) {
    require(x.dtype == DType::f32, "sum_of_squares");
    const std::int64_t count = x.size();
    if (count == 0) return 0;
    const auto blocks =
        static_cast<int>(std::min<std::int64_t>(most_blocks, divide_up(count, 4 * block_threads)));
    auto* const parts = static_cast<double*>(workspace((most_blocks + 1) * sizeof(double)));
    sum_of_squares_kernel<<<static_cast<unsigned>(blocks), block_threads, 0, stream_.get()>>>(
        parts, x.as<float>(), count, vectorised(8, {x.data}));
    check_launch("sum_of_squares");
    sum_parts<<<1, block_threads, 0, stream_.get()>>>(parts + most_blocks, parts, blocks);
    check_launch("sum_parts");
    double total = 0;
    check(cudaMemcpyAsync(&total, parts + most_blocks, sizeof(double), cudaMemcpyDeviceToHost, stream_.get()),
          "cudaMemcpyAsync to the host");
    synchronize();
    return total;
}

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
