#pragma once

#include <cstdint>

#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/matmul/sm90/stored.cuh"
#include "backend/cuda/primitives/sm90/store_matrices.cuh"

namespace wishbone::cuda::sm90::adapted {

/// Nothing is done with a tile (matmul/sm90) but to store it.
struct Bare : product::Stored {
    struct Options {};
    struct Rows {
        __device__ __forceinline__ void of(const Options&, int, int) {}
    };

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
