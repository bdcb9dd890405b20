#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/runtime/device.h"

/// The LM head's product with the statistics of its logits in its epilogue, on Hopper: logits need not be in memory.
namespace wishbone::cuda::sm90 {

/// Log-probabilities that are asked for: of `token` behind `row`.
struct HeadLogps {
    const std::int32_t *row, *token;
    std::int64_t count;
    float *logps, *lse;  ///< [count], [rows]
};
/// Rows of logits that are left in memory, from the first on, `ld` (a multiple of 8) elements apart. What comes behind the vocabulary
/// in a row is anything.
struct KeptLogits {
    __nv_bfloat16* logits;
    std::int64_t rows, ld;
};

/// Bytes of memory that `head_logps` needs beside its arguments.
std::size_t head_logps_workspace(product::Size size, std::int64_t targets);

/// Of the logits hidden [rows, inner] · head [columns, inner]ᵀ, rounded to bf16. A row's results are the same bits whatever rows are
/// beside it and whether its logits are kept. Addresses are 16-byte aligned, inner is a multiple of 8. Throws Error(internal).
void head_logps(const Device& device, cudaStream_t stream, const HeadLogps& of, const KeptLogits& kept,
                const __nv_bfloat16* hidden, const __nv_bfloat16* head, product::Size size, void* workspace);

}  // namespace wishbone::cuda::sm90
