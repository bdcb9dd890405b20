#pragma once

#include <cstdint>

#include "backend/cuda/primitives/sm90/wgmma.cuh"

namespace wishbone::cuda::sm90::backward {

/// Sums of a warpgroup, [64, D]: += `left` [64, K], in registers, times `right` [K, D] in shared memory.
template <int D, int K>
__device__ __forceinline__ void multiply_add(float (&sums)[D / 2], const std::uint32_t (&left)[K / 4],
                                             std::uint32_t right) {
#pragma unroll
    for (int k = 0; k < K / 16; ++k)
        wgmma_rs<D, 1>(sums, left[4 * k], left[4 * k + 1], left[4 * k + 2], left[4 * k + 3],
                       descriptor(right + k * 2048, K * 128, 1024), 1);
}

}  // namespace wishbone::cuda::sm90::backward
