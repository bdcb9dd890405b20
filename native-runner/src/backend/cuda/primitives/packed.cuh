#pragma once

#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/vector.h"

namespace wishbone::cuda {

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
            to[2 * i] = low_half(words[i]);
            to[2 * i + 1] = high_half(words[i]);
        }
    }
    __device__ static Packed pack(const float (&from)[8]) {
        unsigned words[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) words[i] = cuda::pack(from[2 * i], from[2 * i + 1]);
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

}  // namespace wishbone::cuda
