#pragma once

#include <cuda.h>
#include <cuda_bf16.h>

#include <cstdint>

#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/fast_math.cuh"
#include "backend/cuda/primitives/sm90/barriers.cuh"
#include "backend/cuda/primitives/sm90/store_matrices.cuh"
#include "backend/cuda/primitives/sm90/tma.cuh"
#include "backend/cuda/primitives/warp.cuh"

namespace wishbone::cuda::sm90::head {

/// A target in the list of those in the same columns of a tile and rows of a warpgroup.
struct Target {
    int next;   ///< in the list; -1: none
    int place;  ///< row · tile_columns + column, within those
};

/// What softmax needs of a tile of logits, in its product's epilogue (matmul/sm90): of each row the sum of powers, and the logits of
/// targets. Where no logits are kept, nothing else leaves the multiprocessor.
struct Statistics {
    static constexpr int Columns = product::tile_columns, Boxes = 1;
    struct Maps {
        CUtensorMap logits;
    };
    struct Options {
        float2* sums;      ///< [tiles of columns, rows]: PowerSum
        float* logit;      ///< of each target
        const int* first;  ///< [tiles of columns, groups of rows]: of the list of targets there
        const Target* target;
        int rows, groups, columns;
        int kept;  ///< rows of logits that are stored
    };
    struct Rows {
        int row, column;  ///< this thread's first row of two, 8 apart, and the tile's first column
        int target;       ///< the first in the warpgroup's list
        float most[2], sum[2];

        __device__ __forceinline__ void of(const Options& options, int first_row, int first_column) {
            const int group = first_row / product::group_rows;
            row = first_row + 16 * (threadIdx.x / 32 % 4) + threadIdx.x % 32 / 4;
            column = first_column;
            target = group < options.groups
                         ? __ldg(options.first + first_column / Columns * options.groups + group)
                         : -1;
            sum[0] = sum[1] = 0;
        }
    };
    using Held = std::uint32_t[product::tile_columns / 4];

    static __device__ __forceinline__ void load(const Maps&, std::uint32_t ready, std::uint32_t, int, int) {
        mbarrier_arrive(ready);
    }
    static __device__ __forceinline__ void store(const Maps& maps, const Options& options, std::uint32_t box,
                                                 int row, int column) {
        if (row < options.kept) tma_store_3d(&maps.logits, box, column, row, 0);
    }
    template <int Slice>
    static __device__ __forceinline__ void slice(const Options& options, Rows& rows, Held& held,
                                                 std::uint32_t at) {
        if constexpr (Slice == 0) {
            cut(options.columns - rows.column, held);
            give_targets(options, rows.target, held);
#pragma unroll
            for (int h = 0; h < 2; ++h) rows.most[h] = quad_max(greatest(held, h)) * log2_e;
        }
        const std::uint32_t result[4] = {held[4 * Slice], held[4 * Slice + 1], held[4 * Slice + 2],
                                         held[4 * Slice + 3]};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            float &sum = rows.sum[i % 2], least = -rows.most[i % 2];
            sum += exp2_fast(fmaf(low_half(result[i]), log2_e, least));
            sum += exp2_fast(fmaf(high_half(result[i]), log2_e, least));
        }
        if (options.kept > 0) store_matrices(at, result);
        if constexpr (Slice == Columns / 16 - 1)
#pragma unroll
            for (int h = 0; h < 2; ++h) {
                const float sum = quad_sum(rows.sum[h]);
                const int row = rows.row + 8 * h;
                if (threadIdx.x % 4 == 0 && row < options.rows)
                    options.sums[static_cast<std::int64_t>(rows.column / Columns) * options.rows + row] =
                        make_float2(rows.most[h], sum);
            }
    }

  private:
    // Word 2i + h has columns 8i + 2 · (lane % 4) and the next one, of row h of this thread's two.

    /// Minus infinity behind the vocabulary, where weights are read as zero and so logits are zero.
    static __device__ __forceinline__ void cut(int columns, Held& held) {
        if (columns >= Columns) return;
        const int mine = columns - 2 * static_cast<int>(threadIdx.x % 4);
#pragma unroll
        for (int i = 0; i < product::tile_columns / 4; ++i)
            held[i] |= mine <= i / 2 * 8 ? 0xff80ff80u : mine == i / 2 * 8 + 1 ? 0xff800000u : 0;
    }
    /// The greatest of this thread's logits of a row.
    static __device__ __forceinline__ float greatest(const Held& held, int h) {
        __nv_bfloat162 most = reinterpret_cast<const __nv_bfloat162&>(held[h]);
#pragma unroll
        for (int i = 1; i < product::tile_columns / 8; ++i)
            most = __hmax2(most, reinterpret_cast<const __nv_bfloat162&>(held[2 * i + h]));
        return fmaxf(__low2float(most), __high2float(most));
    }
    /// Few tiles have a target, so nothing but finding that out need be quick.
    static __device__ __forceinline__ void give_targets(const Options& options, int target,
                                                        const Held& held) {
        while (target >= 0) {
            const Target each = options.target[target];
            const int row = each.place / Columns, column = each.place % Columns;
            if (row / 16 == threadIdx.x / 32 % 4 && row % 8 == threadIdx.x % 32 / 4 &&
                column % 8 / 2 == threadIdx.x % 4) {
                const int word = column / 8 * 2 + row / 8 % 2;
                std::uint32_t both = held[0];
#pragma unroll
                for (int i = 1; i < product::tile_columns / 4; ++i)
                    if (i == word) both = held[i];
                options.logit[target] = column % 2 == 0 ? low_half(both) : high_half(both);
            }
            target = each.next;
        }
    }
};

}  // namespace wishbone::cuda::sm90::head
