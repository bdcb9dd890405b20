#pragma once

#include "backend/cuda/primitives/fast_math.cuh"
#include "backend/cuda/primitives/warp.cuh"

namespace wishbone::cuda::mma {

/// A step of the online softmax. Scores become exp(scale · (score - largest)); `largest`, `sum` (over this
/// lane's columns) and `out`, what earlier key tiles left, follow, of this lane's rows 16 b + 8 h at [2 b +
/// h]. `Masked`: a row may see no key.
template <bool Masked, int Blocks, int Columns, int Outputs>
__device__ __forceinline__ void softmax_step(float (&scores)[Blocks][Columns][4],
                                             float (&out)[Blocks][Outputs][4], float (&largest)[2 * Blocks],
                                             float (&sum)[2 * Blocks], float scale_log2) {
#pragma unroll
    for (int b = 0; b < Blocks; ++b) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            float top = largest[2 * b + h];
#pragma unroll
            for (int c = 0; c < Columns; ++c)
                top = fmaxf(top, fmaxf(scores[b][c][2 * h], scores[b][c][2 * h + 1]));
            top = quad_max(top);
            // A row that has seen nothing yet keeps sums of zero; its exponents must not be NaN.
            const float base = (Masked && top == -INFINITY ? 0 : top) * scale_log2;
            const float shrink = exp2_fast(largest[2 * b + h] * scale_log2 - base);
            largest[2 * b + h] = top;
            float total = sum[2 * b + h] * shrink;
#pragma unroll
            for (int d = 0; d < Outputs; ++d) {
                out[b][d][2 * h] *= shrink;
                out[b][d][2 * h + 1] *= shrink;
            }
#pragma unroll
            for (int c = 0; c < Columns; ++c) {
#pragma unroll
                for (int i = 2 * h; i < 2 * h + 2; ++i) {
                    scores[b][c][i] = exp2_fast(scores[b][c][i] * scale_log2 - base);
                    total += scores[b][c][i];
                }
            }
            sum[2 * b + h] = total;
        }
    }
}

}  // namespace wishbone::cuda::mma
