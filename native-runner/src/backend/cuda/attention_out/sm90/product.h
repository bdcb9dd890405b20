#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/runtime/device.h"

/// The matrix product through which the gradient comes to attention's output, with what attention's backward pass needs of it in its
/// epilogue, on Hopper.
namespace wishbone::cuda::sm90 {

/// d_out [rows, columns] = d [rows, inner] · w [inner, columns], with d and w as factors, and what is behind; delta [rows, columns / head_dim], of each head the sum of d_out · out;
/// out [rows, columns]. Heads of 64 or 128. Addresses are 16-byte aligned, columns and inner are multiples of 8. Throws Error(internal).
void attention_out_backward(const Device& device, cudaStream_t stream, __nv_bfloat16* d_out, float* delta,
                            const product::Factors& of, const __nv_bfloat16* out, product::Size size,
                            std::int64_t head_dim, const product::Behind& behind = {});

}  // namespace wishbone::cuda::sm90
