#pragma once

#include "backend/cuda/attention/mma/attention.h"
#include "backend/cuda/attention/mma/tiles.h"
#include "backend/cuda/attention/score_cap.cuh"

namespace wishbone::cuda::mma {

/// What the kernels for sliding windows and capped scores need beside the others' arguments.
struct Extension {
    const int* first_seen;       ///< null: no window
    const QueryWindow* windows;  ///< of each query tile
    ScoreCap cap;

    static Extension of(const Attention& a) {
        return {a.first_seen, a.windows, ScoreCap::of(a.scale, a.softcap)};
    }
    /// The first token that one sees.
    __device__ int oldest(int token) const { return first_seen == nullptr ? 0 : first_seen[token]; }
};

}  // namespace wishbone::cuda::mma
