#pragma once

#include <cuda.h>

#include <cstdint>

/// Loads and stores by Hopper's copy engine (sm_90a). Names follow the PTX ISA.
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
/// The same, to the same place in every block of the cluster whose bit `blocks` has; each counts on that block's own barrier.
__device__ __forceinline__ void tma_load_3d_to_blocks(std::uint32_t to, const CUtensorMap* map,
                                                      std::uint32_t barrier, int x, int y, int z,
                                                      std::uint16_t blocks) {
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
        "[%0], [%1, {%3, %4, %5}], [%2], %6;" ::"r"(to),
        "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(z), "h"(blocks)
        : "memory");
}
/// A box from shared memory to the tensor, of this thread's group of stores. What is outside the tensor stays away.
__device__ __forceinline__ void tma_store_3d(const CUtensorMap* map, std::uint32_t from, int x, int y,
                                             int z) {
    asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%2, %3, %4}], [%1];" ::"l"(map),
                 "r"(from), "r"(x), "r"(y), "r"(z)
                 : "memory");
}
/// `bytes` to device memory, a multiple of 16, as both places are; of this thread's group of stores.
__device__ __forceinline__ void bulk_store(void* to, std::uint32_t from, int bytes) {
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(to), "r"(from),
                 "r"(bytes)
                 : "memory");
}
/// Closes this thread's group of stores.
__device__ __forceinline__ void tma_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
/// Waits until all of this thread's groups have read what they store.
__device__ __forceinline__ void tma_wait_until_read() {
    asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}
/// `bytes` from device memory, a multiple of 16, as both places are.
__device__ __forceinline__ void bulk_load(std::uint32_t to, const void* from, int bytes,
                                          std::uint32_t barrier) {
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to),
        "l"(from), "r"(bytes), "r"(barrier)
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
