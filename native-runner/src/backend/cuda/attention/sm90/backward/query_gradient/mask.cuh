#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/tiles.h"

namespace wishbone::cuda::sm90::backward {

/// Scores of invisible pairs become -inf. N: keys of a step; `token`: of this thread's two rows; `c`: its
/// lane of four; `p`: whose until, and first tokens seen with a window, count.
template <int N, bool Windowed>
__device__ __forceinline__ void hide_invisible(float (&s)[N / 2], const Tiles::Query& tile,
                                               const Tiles::KeyBlock& block, const Parameters& p,
                                               const int (&token)[2], int c) {
    if (block.end - block.begin < N || tile.begin < block.end - 1 || tile.end > block.least_until) {
        int oldest[2] = {};
        if constexpr (Windowed)
#pragma unroll
            for (int k = 0; k < 2; ++k) oldest[k] = p.first_seen[min(token[k], p.tokens - 1)];
#pragma unroll
        for (int i = 0; i < N / 8; ++i)
#pragma unroll
            for (int e = 0; e < 2; ++e) {
                const int key = block.begin + 8 * i + 2 * c + e;
                const int key_until = key < block.end ? p.until[key] : 0;
#pragma unroll
                for (int k = 0; k < 2; ++k)
                    if (key > token[k] || key_until <= token[k] || (Windowed && key < oldest[k]))
                        s[4 * i + 2 * k + e] = -INFINITY;
            }
    }
}

}  // namespace wishbone::cuda::sm90::backward
