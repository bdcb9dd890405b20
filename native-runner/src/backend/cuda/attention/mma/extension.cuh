#pragma once

#include "backend/cuda/attention/mma/attention.h"
#include "backend/cuda/attention/mma/tiles.h"
#include "backend/cuda/primitives/fast_math.cuh"

namespace wishbone::cuda::mma {

/// What the kernels for sliding windows and capped scores need beside the others' arguments.
struct Extension {
    const int* first_seen;       ///< null: no window
    const QueryWindow* windows;  ///< of each query tile
    float inward, outward;       ///< scale / cap and cap / scale; 0: no cap

    static Extension of(const Attention& a) {
        return {a.first_seen, a.windows, a.softcap > 0 ? a.scale / a.softcap : 0,
                a.softcap > 0 ? a.softcap / a.scale : 0};
    }
    __device__ bool capped() const { return outward > 0; }
    /// tanh(scale · score / cap); `outward` times that is the capped score, still to be scaled.
    __device__ float tangent(float score) const {
        return 1 - __fdividef(2.0f, 1 + exp2_fast(2 * log2_e * inward * score));
    }
    /// The first token that one sees.
    __device__ int oldest(int token) const { return first_seen == nullptr ? 0 : first_seen[token]; }
};

}  // namespace wishbone::cuda::mma
