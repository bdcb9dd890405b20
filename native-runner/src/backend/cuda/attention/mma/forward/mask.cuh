#pragma once

#include "backend/cuda/attention/mma/key.cuh"
#include "backend/cuda/attention/score_cap.cuh"

namespace wishbone::cuda::mma {

/// Scores, still to be scaled, become those of capped ones. `Blocks`, `Columns`: blocks of 16 rows and of 8
/// keys.
template <int Blocks, int Columns>
__device__ __forceinline__ void cap_scores(float (&scores)[Blocks][Columns][4], const ScoreCap& cap) {
#pragma unroll
    for (int b = 0; b < Blocks; ++b)
#pragma unroll
        for (int c = 0; c < Columns; ++c)
#pragma unroll
            for (int i = 0; i < 4; ++i) scores[b][c][i] = cap.outward * cap.tangent(scores[b][c][i]);
}

/// Scores of invisible pairs become -inf. `keys`: of the tile; `token`: of this lane's rows 16 b + 8 h, at [2
/// b + h], and `oldest` the first each of them sees.
template <bool Extended, int Blocks, int Columns, int Oldest>
__device__ __forceinline__ void hide_invisible(float (&scores)[Blocks][Columns][4], const Key* keys,
                                               const int (&token)[2 * Blocks], const int (&oldest)[Oldest],
                                               int lane) {
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            const Key key = keys[8 * c + 2 * (lane % 4) + i];
#pragma unroll
            for (int b = 0; b < Blocks; ++b) {
                if (!key.visible(token[2 * b]) || (Extended && key.begin < oldest[Extended ? 2 * b : 0]))
                    scores[b][c][i] = -INFINITY;
                if (!key.visible(token[2 * b + 1]) ||
                    (Extended && key.begin < oldest[Extended ? 2 * b + 1 : 0]))
                    scores[b][c][2 + i] = -INFINITY;
            }
        }
    }
}

}  // namespace wishbone::cuda::mma
