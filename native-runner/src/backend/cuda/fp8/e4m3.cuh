#pragma once

#include <cuda_fp8.h>

#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/primitives/warp.cuh"

/// Rounding to E4M3 under a scale.
namespace wishbone::cuda {

constexpr float e4m3_largest = 448;

/// Of a row whose largest magnitude is `largest`: numbers times `inverse` fit E4M3, and what they become times `scale` is about
/// what they were. A row of zeros has a scale too; infinity and NaN leave NaN.
struct RowScale {
    float scale, inverse;

    __device__ static RowScale of(float largest) {
        constexpr float least = 1e-30f;  // below, the inverse would be infinite
        const float used = fmaxf(largest, least);
        return {used / e4m3_largest, e4m3_largest / used};
    }
};

__device__ __forceinline__ std::uint32_t to_e4m3(float a, float b, float c, float d) {
    const std::uint32_t low = __nv_cvt_float2_to_fp8x2(make_float2(a, b), __NV_SATFINITE, __NV_E4M3),
                        high = __nv_cvt_float2_to_fp8x2(make_float2(c, d), __NV_SATFINITE, __NV_E4M3);
    return low | high << 16;
}
/// Eight numbers times `inverse`.
__device__ __forceinline__ uint2 to_e4m3(const float (&x)[8], float inverse) {
    return make_uint2(to_e4m3(x[0] * inverse, x[1] * inverse, x[2] * inverse, x[3] * inverse),
                      to_e4m3(x[4] * inverse, x[5] * inverse, x[6] * inverse, x[7] * inverse));
}

__device__ __forceinline__ float largest_of(const float (&x)[8]) {
    float largest = 0;
#pragma unroll
    for (int i = 0; i < 8; ++i) largest = fmaxf(largest, fabsf(x[i]));
    return largest;
}

/// Over the blockDim.x threads that work on one row (all with the same threadIdx.y); `parts` is shared memory for one number a warp
/// of the block.
__device__ __forceinline__ float largest_of_row(float largest, float* parts) {
    largest = warp_max(largest);
    if (blockDim.x == 32) return largest;
    const int warps = static_cast<int>(blockDim.x / 32), first = static_cast<int>(threadIdx.y) * warps;
    if (threadIdx.x % 32 == 0) parts[first + threadIdx.x / 32] = largest;
    __syncthreads();
    for (int i = 0; i < warps; ++i) largest = fmaxf(largest, parts[first + i]);
    return largest;
}

}  // namespace wishbone::cuda
