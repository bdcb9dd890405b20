#pragma once

#include <cstdint>

#include "backend/cuda/primitives/bf16_pair.cuh"

/// Thin wrappers over the PTX that compute capability 8.0 and later share: matrix instructions on bf16
/// (mma.sync) and asynchronous copies into shared memory (cp.async).
/// PTX ISA, "Warp-level matrix instructions" and "Data movement and conversion instructions".
namespace wishbone::cuda::mma {

/// Copies 16 bytes from global to shared memory in the background; with `valid` false it writes zeros and
/// reads nothing (`from` must still be a mapped address).
__device__ __forceinline__ void copy_async_16(std::uint32_t to, const void* from, bool valid = true) {
    const int bytes = valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes)
                 : "memory");
}

/// Copies 8 bytes, as copy_async_16.
__device__ __forceinline__ void copy_async_8(std::uint32_t to, const void* from, bool valid = true) {
    const int bytes = valid ? 8 : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

/// Closes the group of copies this thread has begun.
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until at most `pending` of this thread's youngest groups are still on their way.
template <int pending>
__device__ __forceinline__ void wait_for_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

/// c [16, 8] += a [16, 16] · b [16, 8]. In lane l, c[0..1] are row l / 4, columns 2 (l % 4) and one more;
/// c[2..3] the same of row l / 4 + 8.
__device__ __forceinline__ void multiply(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                         std::uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// The accumulators of two neighbouring 16x8 blocks, rounded to bf16, are the left factor [16, 16] of the
/// next product: no lane needs another lane's values.
__device__ __forceinline__ void pack_factor(std::uint32_t (&a)[4], const float (&left)[4],
                                            const float (&right)[4]) {
    a[0] = pack(left[0], left[1]);
    a[1] = pack(left[2], left[3]);
    a[2] = pack(right[0], right[1]);
    a[3] = pack(right[2], right[3]);
}

}  // namespace wishbone::cuda::mma
