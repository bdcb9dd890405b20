#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/primitives/sm90/barriers.cuh"
#include "backend/cuda/primitives/sm90/tma.cuh"

namespace wishbone::cuda::sm90::product {

/// What epilogues have in common that read nothing by boxes and store all of one result, of as many columns as the product.
struct Stored {
    static constexpr int Columns = tile_columns, Boxes = 1;
    struct Maps {
        CUtensorMap result;
    };

    static __device__ __forceinline__ void load(const Maps&, std::uint32_t ready, std::uint32_t, int, int) {
        mbarrier_arrive(ready);
    }
    template <class Options>
    static __device__ __forceinline__ void store(const Maps& maps, const Options&, std::uint32_t box, int row,
                                                 int column) {
        tma_store_3d(&maps.result, box, column, row, 0);
    }
};

}  // namespace wishbone::cuda::sm90::product
