#pragma once

#include <cuda_bf16.h>

#include <cstdint>

/// Two bf16 in one word, as matrix instructions take them.
namespace wishbone::cuda {

/// Two floats rounded to bf16, `low` in the lower half.
__device__ __forceinline__ std::uint32_t pack(float low, float high) {
    const __nv_bfloat162 both = __floats2bfloat162_rn(low, high);
    return reinterpret_cast<const std::uint32_t&>(both);
}
// A bf16 is the upper half of a float.
__device__ __forceinline__ float low_half(std::uint32_t both) { return __uint_as_float(both << 16); }
__device__ __forceinline__ float high_half(std::uint32_t both) { return __uint_as_float(both & 0xffff0000u); }

}  // namespace wishbone::cuda
