#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/parameters.h"

namespace wishbone::cuda::sm90::backward {

/// The position of a token, to be asked for long before it is needed; 0 without a rotation and for what is no token.
__device__ __forceinline__ int position_of(const RowRotation& rotation, int token, bool valid) {
    return valid && rotation.groups > 0 ? __ldg(rotation.position + token) : 0;
}

/// Cosines and sines of this thread's columns 8i + 2c and 8i + 2c + 1 below R/2, i < `groups`, at one position.
template <int D>
struct RowAngles {
    float2 cos[D / 16], sin[D / 16];

    __device__ __forceinline__ RowAngles(const RowRotation& rotation, int position) {
        const std::int64_t at = std::int64_t(position) * (8 * rotation.groups) + 2 * (threadIdx.x & 3);
#pragma unroll
        for (int i = 0; i < D / 16; ++i) {
            cos[i] = sin[i] = make_float2(0, 0);
            if (i < rotation.groups) {
                cos[i] = __ldg(reinterpret_cast<const float2*>(rotation.cos + at + 8 * i));
                sin[i] = __ldg(reinterpret_cast<const float2*>(rotation.sin + at + 8 * i));
            }
        }
    }
};

/// Turns one of the two rows (h 0 or 1: the upper, the lower) that a thread holds of the accumulators of wgmma [., D] back: the
/// transpose of RoPE. Both elements of a plane are the same thread's, as R/2 = 8 · groups. Accumulators have their places at compile
/// time, hence a piece of code for each R, from `Groups` down.
template <int Groups, int D>
__device__ __forceinline__ void turn_back(float (&acc)[D / 2], int h, const RowAngles<D>& angles,
                                          int groups) {
    if constexpr (Groups > 0) {
        if (groups != Groups) return turn_back<Groups - 1, D>(acc, h, angles, groups);
        const auto turn = [](float& low, float& high, float cos, float sin) {
            const float x = low, y = high;
            low = x * cos + y * sin;
            high = y * cos - x * sin;
        };
#pragma unroll
        for (int i = 0; i < Groups; ++i) {
            const int low = 4 * i + 2 * h, high = 4 * (i + Groups) + 2 * h;
            turn(acc[low], acc[high], angles.cos[i].x, angles.sin[i].x);
            turn(acc[low + 1], acc[high + 1], angles.cos[i].y, angles.sin[i].y);
        }
    }
}

}  // namespace wishbone::cuda::sm90::backward
