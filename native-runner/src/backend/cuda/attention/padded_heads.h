#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/backend.h"

namespace wishbone::cuda {

/// The shape whose kernels serve heads of `shape`: its head size, or the next larger one there are kernels for.
/// Dimensions of zeros change no score and no output; the scale stays that of the true size. Throws
/// Error(bad_input) for heads larger than any kernel's.
AttentionShape padded_heads(AttentionShape shape);

/// out[r] = in[r] for `heads` rows, cut off or filled up with zeros from `in_dim` to `out_dim` elements.
void copy_heads(cudaStream_t stream, __nv_bfloat16* out, std::int64_t out_dim, const __nv_bfloat16* in,
                std::int64_t in_dim, std::int64_t heads);

}  // namespace wishbone::cuda
