#pragma once

#include "backend/cuda/primitives/fast_math.cuh"

namespace wishbone::cuda {

/// A logit as the softmax sees it: cap · tanh(z / cap), or z itself.
template <bool Capped>
struct Cap {
    float cap;

    __device__ float tangent(float z) const {
        return 1.0f - __fdividef(2.0f, 1.0f + exp2_fast(2.0f * log2_e / cap * z));
    }
    __device__ float operator()(float z) const { return Capped ? cap * tangent(z) : z; }
    /// Derivative of the capped logit by z.
    __device__ float slope(float z) const {
        if (!Capped) return 1.0f;
        const float t = tangent(z);
        return 1.0f - t * t;
    }
};

/// Calls `use` with the cap of a call.
template <typename Use>
void with_cap(float softcap, const Use& use) {
    if (softcap > 0)
        use(Cap<true>{softcap});
    else
        use(Cap<false>{0});
}

}  // namespace wishbone::cuda
