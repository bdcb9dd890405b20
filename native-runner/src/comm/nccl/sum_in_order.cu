#include <algorithm>

#include "backend/cuda/runtime/check.h"
#include "comm/nccl/sum_in_order.h"

namespace wishbone {

namespace {

constexpr int block_threads = 512;
/// Few: the rest is for what is computed meanwhile, and memory bandwidth is reached with them.
constexpr std::int64_t most_blocks = 132;

__device__ float4 operator+(float4 a, float4 b) {
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

template <typename T>
__global__ void __launch_bounds__(block_threads)
    sum_in_order_kernel(T* sum, const __grid_constant__ Summands summands, std::int64_t count) {
    const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * block_threads;
    for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x; i < count;
         i += step) {
        T all = reinterpret_cast<const T*>(summands.at[0])[i];
        for (int s = 1; s < summands.count; ++s) all = all + reinterpret_cast<const T*>(summands.at[s])[i];
        sum[i] = all;
    }
}

bool is_aligned(const float* at) { return reinterpret_cast<std::uintptr_t>(at) % sizeof(float4) == 0; }

}  // namespace

void sum_in_order(cudaStream_t stream, float* sum, const Summands& summands, std::int64_t elements) {
    if (elements == 0) return;
    const auto blocks = [](std::int64_t count) {
        return static_cast<unsigned>(std::min((count + block_threads - 1) / block_threads, most_blocks));
    };
    if (elements % 4 == 0 && is_aligned(sum) &&
        std::all_of(summands.at, summands.at + summands.count, is_aligned))
        sum_in_order_kernel<<<blocks(elements / 4), block_threads, 0, stream>>>(
            reinterpret_cast<float4*>(sum), summands, elements / 4);
    else
        sum_in_order_kernel<<<blocks(elements), block_threads, 0, stream>>>(sum, summands, elements);
    cuda::check_launch("sum_in_order");
}

}  // namespace wishbone
