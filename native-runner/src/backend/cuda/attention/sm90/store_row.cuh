#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/warp.cuh"

namespace wishbone::cuda::sm90 {

/// Writes one of the two rows (h 0 or 1: the upper, the lower) that a thread holds of the accumulators of
/// wgmma, times `factor`, as bf16. The four lanes that share the row exchange what they hold, so that each
/// writes 16 bytes at a time.
template <int Size>
__device__ __forceinline__ void store_row(__nv_bfloat16* row, bool valid, const float (&acc)[Size], int h,
                                          float factor) {
    static_assert(Size % 16 == 0);
    const int c = threadIdx.x & 3;
#pragma unroll
    for (int i = 0; i < Size / 4; i += 4) {
        std::uint32_t w[4];
#pragma unroll
        for (int m = 0; m < 4; ++m)
            w[m] = pack(acc[4 * (i + m) + 2 * h] * factor, acc[4 * (i + m) + 2 * h + 1] * factor);
        transpose_quad(w);
        if (valid) *reinterpret_cast<uint4*>(row + 8 * (i + c)) = make_uint4(w[0], w[1], w[2], w[3]);
    }
}

}  // namespace wishbone::cuda::sm90
