#pragma once

#include "backend/cuda/primitives/fast_math.cuh"
#include "backend/cuda/primitives/warp.cuh"

namespace wishbone::cuda::sm90::forward {

/// The online softmax of one thread's two rows.
struct Softmax {
    /// The raw score that exponents are relative to, near the largest so far; the sum over this thread's
    /// columns.
    float reference[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};

    /// s[4i + 2h + e], of row h, becomes exp(scale · (s - reference)). `shrink` is the factor for what
    /// earlier key tiles left. `Lazy`: the reference stays, and the factor is 1, while no score exceeds it by
    /// more than a factor of 2^8.
    template <bool Lazy, int Size>
    __device__ __forceinline__ void step(float (&s)[Size], float (&shrink)[2], float scale_log2) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            float top[4] = {s[2 * h], s[2 * h + 1], s[4 + 2 * h], s[4 + 2 * h + 1]};
#pragma unroll
            for (int i = 8; i < Size; i += 8) {
                top[0] = fmaxf(top[0], s[i + 2 * h]), top[1] = fmaxf(top[1], s[i + 2 * h + 1]);
                top[2] = fmaxf(top[2], s[i + 4 + 2 * h]), top[3] = fmaxf(top[3], s[i + 5 + 2 * h]);
            }
            float now = fmaxf(reference[h], quad_max(fmaxf(fmaxf(top[0], top[1]), fmaxf(top[2], top[3]))));
            if (Lazy && (now - reference[h]) * scale_log2 <= 8.0f) now = reference[h];
            // A row that has seen only hidden keys so far keeps sums of 0.
            const float offset = now == -INFINITY ? 0.0f : now * scale_log2;
            shrink[h] = exp2_fast(reference[h] * scale_log2 - offset);
            reference[h] = now;
            float add[4] = {0, 0, 0, 0};
#pragma unroll
            for (int i = 0; i < Size; i += 4) {
                s[i + 2 * h] = exp2_fast(s[i + 2 * h] * scale_log2 - offset);
                s[i + 2 * h + 1] = exp2_fast(s[i + 2 * h + 1] * scale_log2 - offset);
                add[i / 4 % 2 * 2] += s[i + 2 * h];
                add[i / 4 % 2 * 2 + 1] += s[i + 2 * h + 1];
            }
            sum[h] = sum[h] * shrink[h] + ((add[0] + add[1]) + (add[2] + add[3]));
        }
    }
};

}  // namespace wishbone::cuda::sm90::forward
