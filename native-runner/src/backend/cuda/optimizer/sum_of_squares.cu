#include <algorithm>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/primitives/warp.cuh"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

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

}  // namespace wishbone::cuda
