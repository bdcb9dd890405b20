#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/primitives/sm90/barriers.cuh"
#include "backend/cuda/primitives/sm90/store_matrices.cuh"
#include "backend/cuda/primitives/sm90/tma.cuh"

namespace wishbone::cuda::sm90::adapted {

/// Nothing is done with a tile (matmul/sm90) but to store it.
struct Bare {
    static constexpr int Columns = product::tile_columns, Boxes = 1;
    struct Maps {
        CUtensorMap result;
    };
    struct Options {};
    struct Rows {
        __device__ __forceinline__ void of(const Options&, int, int) {}
    };

    static __device__ __forceinline__ void load(const Maps&, std::uint32_t ready, std::uint32_t, int, int) {
        mbarrier_arrive(ready);
    }
    static __device__ __forceinline__ void store(const Maps& maps, const Options&, std::uint32_t box, int row,
                                                 int column) {
        tma_store_3d(&maps.result, box, column, row, 0);
    }
    template <int Slice>
    static __device__ __forceinline__ void slice(const Options&, const Rows&,
                                                 const std::uint32_t (&held)[product::tile_columns / 4],
                                                 std::uint32_t at) {
        const std::uint32_t result[4] = {held[4 * Slice], held[4 * Slice + 1], held[4 * Slice + 2],
                                         held[4 * Slice + 3]};
        store_matrices(at, result);
    }
};

}  // namespace wishbone::cuda::sm90::adapted
