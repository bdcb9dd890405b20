#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

namespace wishbone::cuda {

/// out[i] = x[rows[i]] for rows of `width` elements.
void gather(cudaStream_t stream, __nv_bfloat16* out, const __nv_bfloat16* x, const std::int32_t* rows,
            std::int64_t count, std::int64_t width);

/// The stable order of keys: order[i] is the place of the i-th smallest. `rank` is memory for `count` more
/// integers. Keys are compared each with each, which for the tens of thousands of a bin is over sooner than a
/// sort.
void stable_order(cudaStream_t stream, std::int32_t* order, std::int32_t* rank, const std::int32_t* keys,
                  std::int64_t count);

}  // namespace wishbone::cuda
