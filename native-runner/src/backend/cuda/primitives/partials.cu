#include "backend/cuda/primitives/partials.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/primitives/warp.cuh"
#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {
namespace {

/// d_weight[i] += sum over partial[., i], rows of it in a fixed order. A block has 32 columns.
__global__ void __launch_bounds__(1024)
    add_partials_kernel(float* d_weight, const float* partial, int count, int width) {
    __shared__ float sums[32][33];
    const int column = static_cast<int>(blockIdx.x * 32 + threadIdx.x);
    float sum = 0;
    if (column < width)
        for (int i = static_cast<int>(threadIdx.y); i < count; i += 32)
            sum += partial[static_cast<std::int64_t>(i) * width + column];
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    // Transposed, each warp has the 32 sums of one column.
    sum = warp_sum(sums[threadIdx.x][threadIdx.y]);
    const int whose = static_cast<int>(blockIdx.x * 32 + threadIdx.y);
    if (threadIdx.x == 0 && whose < width) d_weight[whose] += sum;
}

}  // namespace

void add_partials(cudaStream_t stream, float* sums, const float* partial, int count, std::int64_t width) {
    add_partials_kernel<<<static_cast<unsigned>(divide_up(width, 32)), dim3(32, 32), 0, stream>>>(
        sums, partial, count, static_cast<int>(width));
    check_launch("add_partials");
}

}  // namespace wishbone::cuda
