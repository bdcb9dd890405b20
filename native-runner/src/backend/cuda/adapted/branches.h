#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/backend.h"

namespace wishbone::cuda {

/// Whether the adapters' part of a layer can be a product with `stack_branches`: there are few branches, ranks fill whole vectors, and
/// scales are powers of two, by which bf16 numbers are multiplied exactly.
bool can_stack(const LowRank& adapter);

/// to [outputs, R] = scale · b of each branch, in the rows of its outputs and the columns of its rank; zero elsewhere. So h · toᵀ is what the
/// adapters add to the layer. Throws Error(internal).
void stack_branches(cudaStream_t stream, __nv_bfloat16* to, const LowRank& adapter, std::int64_t outputs);

}  // namespace wishbone::cuda
