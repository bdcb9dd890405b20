#pragma once

#include <cmath>

#include "backend/cuda/primitives/fast_math.cuh"

namespace wishbone::cuda {

/// A sum of powers of two, scaled by the largest so that none overflows: sum · 2^most.
struct PowerSum {
    float most = -INFINITY, sum = 0;

    __device__ void add(const PowerSum& other) {
        const float larger = fmaxf(most, other.most);
        if (larger == -INFINITY) return;
        sum = sum * exp2_fast(most - larger) + other.sum * exp2_fast(other.most - larger);
        most = larger;
    }
    /// Its natural logarithm.
    __device__ float log() const { return (most + log2f(sum)) * ln_2; }
};

}  // namespace wishbone::cuda
