#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/runtime/device.h"

/// The matrix product that gives queries, keys and values, with RoPE in its epilogue, on Hopper.
namespace wishbone::cuda::sm90 {

/// Tables of RoPE, as Rotation has them, for heads that are turned whole.
struct RotatedHeads {
    const float *cos, *sin;
    const std::int32_t* position;
    std::int64_t head_dim;  ///< 64 or 128
    std::int64_t turned;    ///< columns of the heads that are turned; the others follow
};

/// qkv [rows, columns] = x [rows, inner] · w [columns, inner]ᵀ, with x and w as factors, and what is behind, turned. Addresses are 16-byte aligned, columns and inner are multiples
/// of 8. Throws Error(internal).
void rotated_product(const Device& device, cudaStream_t stream, __nv_bfloat16* qkv,
                     const product::Factors& of, product::Size size, const RotatedHeads& heads,
                     const product::Behind& behind = {});

}  // namespace wishbone::cuda::sm90
