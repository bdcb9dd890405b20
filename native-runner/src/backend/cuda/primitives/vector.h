#pragma once

#include <cuda_bf16.h>

#include <cstdint>
#include <initializer_list>

namespace wishbone::cuda {

using bf16 = __nv_bfloat16;

/// Elements of a 16-byte access.
constexpr int bf16_vector = 8;

/// Whether rows of `width` bf16 at these addresses can be read and written 16 bytes at a time.
inline bool vectorised(std::int64_t width, std::initializer_list<const void*> addresses) {
    std::uintptr_t bits = 0;
    for (const void* address : addresses) bits |= reinterpret_cast<std::uintptr_t>(address);
    return width % bf16_vector == 0 && bits % 16 == 0;
}

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

#ifdef __CUDACC__

/// N consecutive bf16 as they lie in memory, moved in one access: 8 of them are 16 bytes.
template <int N>
struct Packed;

template <>
struct Packed<8> {
    uint4 bits;

    __device__ static Packed load(const bf16* from) { return {*reinterpret_cast<const uint4*>(from)}; }
    __device__ void store(bf16* to) const { *reinterpret_cast<uint4*>(to) = bits; }

    __device__ void unpack(float (&to)[8]) const {
        const unsigned words[4] = {bits.x, bits.y, bits.z, bits.w};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            to[2 * i] = __uint_as_float(words[i] << 16);
            to[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
        }
    }
    __device__ static Packed pack(const float (&from)[8]) {
        unsigned words[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const __nv_bfloat162 pair = __floats2bfloat162_rn(from[2 * i], from[2 * i + 1]);
            words[i] = *reinterpret_cast<const unsigned*>(&pair);
        }
        return {make_uint4(words[0], words[1], words[2], words[3])};
    }
};

template <>
struct Packed<1> {
    bf16 value;

    __device__ static Packed load(const bf16* from) { return {*from}; }
    __device__ void store(bf16* to) const { *to = value; }
    __device__ void unpack(float (&to)[1]) const { to[0] = __bfloat162float(value); }
    __device__ static Packed pack(const float (&from)[1]) { return {__float2bfloat16_rn(from[0])}; }
};

__device__ inline float warp_sum(float value) {
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
    return value;
}
__device__ inline double warp_sum(double value) {
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
    return value;
}
__device__ inline float warp_max(float value) {
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2)
        value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
    return value;
}

#endif

}  // namespace wishbone::cuda
