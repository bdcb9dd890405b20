#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/sm90/barriers.cuh"
#include "backend/cuda/primitives/sm90/store_matrices.cuh"
#include "backend/cuda/primitives/sm90/tma.cuh"

namespace wishbone::cuda::sm90::rotated {

/// RoPE of whole heads of D elements, in the epilogue of the product that gives them (matmul/sm90). A thread has both elements of every
/// plane that it turns: the second one stays in its register until its slice comes.
template <int D>
struct Rotated {
    static constexpr int Columns = product::tile_columns, Boxes = 1, half = D / 2;
    struct Maps {
        CUtensorMap result;
    };
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

    static __device__ __forceinline__ void load(const Maps&, std::uint32_t ready, std::uint32_t, int, int) {
        mbarrier_arrive(ready);
    }
    static __device__ __forceinline__ void store(const Maps& maps, const Options&, std::uint32_t box, int row,
                                                 int column) {
        tma_store_3d(&maps.result, box, column, row, 0);
    }
    template <int Slice>
    static __device__ __forceinline__ void slice(const Options& options, const Rows& rows,
                                                 std::uint32_t (&held)[product::tile_columns / 4],
                                                 std::uint32_t at) {
        constexpr int of_head = Slice % (D / 16), first = 4 * Slice, second = first + half / 4;
        if constexpr (of_head < half / 16)
            if (16 * Slice < rows.columns) {
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    const int angle = rows.angles[i % 2] + 16 * of_head + 8 * (i / 2);
                    const auto c = __ldg(reinterpret_cast<const float2*>(options.cos + angle)),
                               s = __ldg(reinterpret_cast<const float2*>(options.sin + angle));
                    const float x0 = low_half(held[first + i]), x1 = high_half(held[first + i]);
                    const float y0 = low_half(held[second + i]), y1 = high_half(held[second + i]);
                    held[first + i] = pack(x0 * c.x - y0 * s.x, x1 * c.y - y1 * s.y);
                    held[second + i] = pack(y0 * c.x + x0 * s.x, y1 * c.y + x1 * s.y);
                }
            }
        const std::uint32_t result[4] = {held[first], held[first + 1], held[first + 2], held[first + 3]};
        store_matrices(at, result);
    }
};

}  // namespace wishbone::cuda::sm90::rotated
