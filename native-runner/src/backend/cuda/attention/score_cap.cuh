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
    /// Scores become capped ones. Four share one reciprocal: kernels with caps wait for the unit that computes
    /// those and powers.
    template <int Size>
    __device__ __forceinline__ void apply(float (&scores)[Size]) const {
        static_assert(Size % 4 == 0);
#pragma unroll
        for (int i = 0; i < Size; i += 4) {
            float d[4];  // 1 + e^(2 x), where tanh x = 1 - 2 / d
#pragma unroll
            // tanh is 1 where the power is bounded, and the product of all four stays a number.
            for (int j = 0; j < 4; ++j)
                d[j] = 1 + exp2_fast(fminf(2 * log2_e * inward * scores[i + j], 27.0f));
            const float first = d[0] * d[1], second = d[2] * d[3];
            const float reciprocal = -2 * outward * reciprocal_fast(first * second);
            scores[i] = d[1] * (second * reciprocal) + outward;
            scores[i + 1] = d[0] * (second * reciprocal) + outward;
            scores[i + 2] = d[3] * (first * reciprocal) + outward;
            scores[i + 3] = d[2] * (first * reciprocal) + outward;
        }
    }
};

}  // namespace wishbone::cuda
