#pragma once

#include <cuda.h>

#include <cstdint>

/// Loads by Hopper's copy engine (sm_90a). Names follow the PTX ISA.
namespace wishbone::cuda::sm90 {

/// A box of the tensor, from element (x, y, z) (innermost first), to shared memory; its whole bytes, also
/// those outside the tensor, count on the barrier. `to` is 1024-byte aligned where tiles are read by
/// descriptors.
__device__ __forceinline__ void tma_load_3d(std::uint32_t to, const CUtensorMap* map, std::uint32_t barrier,
                                            int x, int y, int z) {
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, "
        "%5}], "
        "[%2];" ::"r"(to),
        "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(z)
        : "memory");
}
/// The box of words from word x on, a multiple of 4; `to` is 128-byte aligned.
__device__ __forceinline__ void tma_load_1d(std::uint32_t to, const CUtensorMap* map, std::uint32_t barrier,
                                            int x) {
    asm volatile(
        "cp.async.bulk.tensor.1d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3}], "
        "[%2];" ::"r"(to),
        "l"(map), "r"(barrier), "r"(x)
        : "memory");
}

}  // namespace wishbone::cuda::sm90
