#pragma once

#include <cstdint>

#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/matmul/sm90/stored.cuh"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/sm90/store_matrices.cuh"

namespace wishbone::cuda::sm90::rotated {

/// RoPE of whole heads of D elements, in the epilogue of the product that gives them (matmul/sm90). A thread has both elements of every
/// plane that it turns.
template <int D>
struct Rotated : product::Stored {
    static constexpr int half = D / 2;
    struct Options {
        const float *cos, *sin;        ///< [most positions, D/2]
        const std::int32_t* position;  ///< [rows]
        int rows, turned;              ///< columns of the heads that are turned
    };
    struct Rows {
        int angles[2];  ///< where those of this thread's two rows begin, and of its columns in a slice
        int columns;    ///< that are turned, from the tile's first one on

        __device__ __forceinline__ void of(const Options& options, int row, int column) {
            const int lane = threadIdx.x % 32, mine = row + 16 * (threadIdx.x / 32 % 4) + lane / 4;
#pragma unroll
            for (int h = 0; h < 2; ++h) {
                const int at = mine + 8 * h;
                angles[h] = (at < options.rows ? options.position[at] : 0) * half + 2 * (lane % 4);
            }
            columns = options.turned - column;
        }
    };

    template <int Slice>
    static __device__ __forceinline__ void slice(const Options& options, const Rows& rows,
                                                 std::uint32_t (&held)[product::tile_columns / 4],
                                                 std::uint32_t at) {
        // With the first slices of the first head all heads of the tile are turned, as they have the same angles.
        if constexpr (Slice < half / 16) {
            float2 c[4], s[4];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int angle = rows.angles[i % 2] + 16 * Slice + 8 * (i / 2);
                c[i] = __ldg(reinterpret_cast<const float2*>(options.cos + angle));
                s[i] = __ldg(reinterpret_cast<const float2*>(options.sin + angle));
            }
#pragma unroll
            for (int head = 0; head < Columns; head += D)
                if (head < rows.columns) {
#pragma unroll
                    for (int i = 0; i < 4; ++i) {
                        std::uint32_t &x = held[head / 4 + 4 * Slice + i],
                                      &y = held[head / 4 + 4 * Slice + half / 4 + i];
                        const float x0 = low_half(x), x1 = high_half(x), y0 = low_half(y), y1 = high_half(y);
                        x = pack(x0 * c[i].x - y0 * s[i].x, x1 * c[i].y - y1 * s[i].y);
                        y = pack(y0 * c[i].x + x0 * s[i].x, y1 * c[i].y + x1 * s[i].y);
                    }
                }
        }
        constexpr int first = 4 * Slice;
        const std::uint32_t result[4] = {held[first], held[first + 1], held[first + 2], held[first + 3]};
        store_matrices(at, result);
    }
};

}  // namespace wishbone::cuda::sm90::rotated
