#pragma once

#include "backend/cuda/primitives/fast_math.cuh"

namespace wishbone::cuda {

/// Capped scores, cap · tanh(scale · score / cap), as Gemma 2 has them (arXiv 2408.00118). Kernels keep scores
/// that are still to be scaled, so theirs become cap / scale · tanh(scale · score / cap).
struct ScoreCap {
    float inward = 0, outward = 0;  ///< scale / cap and cap / scale; 0: no cap

    /// `softcap` 0: none.
    static ScoreCap of(float scale, float softcap) {
        if (softcap > 0) return {scale / softcap, softcap / scale};
        return {};
    }

    __device__ __forceinline__ bool capped() const { return outward > 0; }
    /// tanh(scale · score / cap); `outward` times that is the capped score.
    __device__ __forceinline__ float tangent(float score) const {
        return 1 - __fdividef(2.0f, 1 + exp2_fast(2 * log2_e * inward * score));
    }
    /// What a capped score grows by when the score does: 1 - tanh². 0 for a score that was hidden (-inf).
    __device__ __forceinline__ float slope(float capped_score) const {
        const float tangent = inward * capped_score;
        return fmaxf(1 - tangent * tangent, 0.0f);
    }
    /// Scores that a thread has of the accumulators of wgmma, of two rows by turns, become capped ones. Four of a row share one
    /// reciprocal: kernels with caps wait for the unit that computes those and powers. They are 16 keys next to each other, all of them
    /// loaded or none; what lies in the other row, or in a slot of keys that no load reached, may be anything.
    template <int Size>
    __device__ __forceinline__ void apply(float (&scores)[Size]) const {
        static_assert(Size % 8 == 0);
#pragma unroll
        for (int i = 0; i < Size; i += 8)
#pragma unroll
            for (int row = 0; row < 2; ++row) {
                float* const a = scores + i + 2 * row;
                float* const b = a + 4;
                const float d0 = denominator(a[0]), d1 = denominator(a[1]), d2 = denominator(b[0]),
                            d3 = denominator(b[1]);
                const float first = d0 * d1, second = d2 * d3;
                const float reciprocal = -2 * outward * reciprocal_fast(first * second);
                a[0] = d1 * (second * reciprocal) + outward;
                a[1] = d0 * (second * reciprocal) + outward;
                b[0] = d3 * (first * reciprocal) + outward;
                b[1] = d2 * (first * reciprocal) + outward;
            }
    }
    /// 1 + e^(2x), where tanh x = 1 - 2 / that. tanh is 1 where the power is bounded, and the product of four stays a number.
    __device__ __forceinline__ float denominator(float score) const {
        return 1 + exp2_fast(fminf(2 * log2_e * inward * score, 27.0f));
    }
};

}  // namespace wishbone::cuda
