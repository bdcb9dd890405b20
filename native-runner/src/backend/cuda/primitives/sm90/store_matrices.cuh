#pragma once

#include <cstdint>

namespace wishbone::cuda::sm90 {

/// Four 8 × 8 matrices of bf16 to shared memory, as `load_matrices` has them: lane l gives the address of row l % 8 of matrix
/// l / 8. PTX ISA, stmatrix.
__device__ __forceinline__ void store_matrices(std::uint32_t address, const std::uint32_t (&r)[4]) {
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(r[0]),
                 "r"(r[1]), "r"(r[2]), "r"(r[3])
                 : "memory");
}

}  // namespace wishbone::cuda::sm90
