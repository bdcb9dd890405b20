#pragma once

#include <cstdint>

/// Hopper's barriers, and what else orders and shares out the work of a block's warps (sm_90a). Thin
/// wrappers, whose names follow the PTX ISA, where each is specified. Addresses are those of
/// `shared_address`.
namespace wishbone::cuda::sm90 {

__device__ __forceinline__ void mbarrier_init(std::uint32_t barrier, int arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
/// Makes initialised barriers known to the copy engine; a barrier of the block's threads follows.
__device__ __forceinline__ void mbarrier_fence_init() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ __forceinline__ void mbarrier_arrive(std::uint32_t barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
/// Arrivals of `warp_arrive`. One would do: it is ordered behind what the warp's other lanes did. But
/// racecheck of CUDA 13.0 knows a barrier's arrivals by thread only, so for it every lane arrives
/// (-DWISHBONE_RACECHECK).
#ifdef WISHBONE_RACECHECK
constexpr int warp_arrivals = 32;
#else
constexpr int warp_arrivals = 1;
#endif
/// A whole warp is done with what it did before.
__device__ __forceinline__ void warp_arrive(std::uint32_t barrier) {
    __syncwarp();
    if (threadIdx.x % 32 < warp_arrivals) mbarrier_arrive(barrier);
}
/// Arrives, and makes the phase wait for `bytes` more from the copy engine.
__device__ __forceinline__ void mbarrier_arrive_expect_tx(std::uint32_t barrier, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                 : "memory");
}
/// Waits until the phase of this parity is complete. A new barrier is in phase 0, so waiting for parity 1
/// returns at once.
__device__ __forceinline__ void mbarrier_wait(std::uint32_t barrier, int parity) {
    asm volatile(
        "{\n"
        ".reg .pred done;\n"
        "again:\n"
        "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
        "@done bra ready;\n"
        "bra again;\n"
        "ready:\n"
        "}" ::"r"(barrier),
        "r"(parity)
        : "memory");
}

/// Barrier `id` (1-15; 0 is __syncthreads) of `threads` threads, whole warps.
__device__ __forceinline__ void named_barrier_sync(int id, int threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
__device__ __forceinline__ void named_barrier_arrive(int id, int threads) {
    asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/// Ordinary writes to shared memory before it are seen by copy engine and matrix units after it (with a
/// barrier in between when other threads start those).
__device__ __forceinline__ void fence_proxy_async() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// This block's place in its cluster.
__device__ __forceinline__ int cluster_rank() {
    std::uint32_t rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return static_cast<int>(rank);
}
/// Arrives at the barrier at the same place in another block of the cluster, or in this one. What this thread wrote before is not
/// made known there: release.cluster would wait for all its writes to reach the whole card.
__device__ __forceinline__ void mbarrier_arrive_in(std::uint32_t barrier, int rank) {
    asm volatile(
        "{\n"
        ".reg .b32 there;\n"
        "mapa.shared::cluster.u32 there, %0, %1;\n"
        "mbarrier.arrive.shared::cluster.b64 _, [there];\n"
        "}" ::"r"(barrier),
        "r"(rank)
        : "memory");
}
/// Waits for all threads of the cluster; whole warps.
__device__ __forceinline__ void cluster_sync() {
    asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::
                     : "memory");
}

/// A kernel launched with programmatic stream serialization begins when all blocks of the one before have come here or ended, and does
/// what needs nothing of it. In a kernel behind which there is none such, this is nothing.
__device__ __forceinline__ void launch_dependents() {
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}
/// Waits until the kernel before has ended and all that it wrote is there.
__device__ __forceinline__ void wait_for_kernel_before() {
    asm volatile("griddepcontrol.wait;" ::: "memory");
}

/// Registers a thread of this warpgroup, a multiple of 8 from 24 to 256; the kernel has a launch bound.
template <int Registers>
__device__ __forceinline__ void register_alloc() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Registers));
}
template <int Registers>
__device__ __forceinline__ void register_dealloc() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Registers));
}

}  // namespace wishbone::cuda::sm90
