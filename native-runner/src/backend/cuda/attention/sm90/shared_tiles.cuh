#pragma once

#include <cstdint>

#include "backend/cuda/primitives/shared_memory.cuh"

namespace wishbone::cuda::sm90 {

/// Dynamic shared memory from its first multiple of 1024 bytes on, as tiles that are read by descriptors need
/// it: kernels ask for 1024 bytes more than they use.
struct SharedTiles {
    std::uint32_t base;   ///< address
    std::uint8_t* bytes;  ///< the same place as a pointer

    __device__ __forceinline__ explicit SharedTiles(std::uint8_t* dynamic) {
        const std::uint32_t at = shared_address(dynamic);
        base = (at + 1023) / 1024 * 1024;
        bytes = dynamic + (base - at);
    }
};

}  // namespace wishbone::cuda::sm90
