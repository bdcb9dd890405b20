#pragma once

namespace wishbone::cuda {

constexpr float log2_e = 1.44269504088896341f;
constexpr float ln_2 = 0.6931471805599453f;

/// 2^x in one instruction; exp2_fast(-infinity) = 0.
__device__ __forceinline__ float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/// 1 / x in one instruction, to about the last bit.
__device__ __forceinline__ float reciprocal_fast(float x) {
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

}  // namespace wishbone::cuda
