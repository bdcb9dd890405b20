#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/backend.h"
#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/runtime/device.h"

/// Matrix products with a gated unit in their epilogue, on Hopper. Columns are those of the unit's output. Addresses are 16-byte aligned,
/// columns and inner are multiples of 8.
namespace wishbone::cuda::sm90 {

/// gate_up [rows, 2 · columns] = x [rows, inner] · w [2 · columns, inner]ᵀ, with x and w as factors, and what is behind; out [rows, columns] = activation(gate) · up. Either
/// may be null.
void gated_forward(const Device& device, cudaStream_t stream, __nv_bfloat16* out, __nv_bfloat16* gate_up,
                   const product::Factors& of, product::Size size, Activation activation,
                   const product::Behind& behind = {});

/// With d_out [rows, inner] · w [inner, columns], and what is behind, as the gradient of the unit's output: d_gate_up [rows, 2 · columns], which may be
/// `gate_up`, and the output again.
void gated_backward(const Device& device, cudaStream_t stream, __nv_bfloat16* d_gate_up, __nv_bfloat16* out,
                    const product::Factors& of, const __nv_bfloat16* gate_up, product::Size size,
                    Activation activation, const product::Behind& behind = {});

}  // namespace wishbone::cuda::sm90
