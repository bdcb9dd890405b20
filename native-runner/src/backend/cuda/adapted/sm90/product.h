#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/runtime/device.h"

/// A linear layer with low-rank adapters in one product, on Hopper.
namespace wishbone::cuda::sm90 {

/// out [rows, columns] = the product of both pairs of factors, as the form says. Addresses are 16-byte aligned, columns and both inner
/// sizes are multiples of 8. Throws Error(internal).
void adapted_product(const Device& device, cudaStream_t stream, product::Form form, __nv_bfloat16* out,
                     const product::Factors& of, product::Size size, const product::Behind& behind);

}  // namespace wishbone::cuda::sm90
