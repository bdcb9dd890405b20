#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace wishbone::cuda {

/// sums [width] += the rows of partial [count, width], always added in the same order.
void add_partials(cudaStream_t stream, float* sums, const float* partial, int count, std::int64_t width);

}  // namespace wishbone::cuda
