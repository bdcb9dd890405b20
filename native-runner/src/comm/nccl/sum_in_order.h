#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace wishbone {

/// What is summed, in this order.
struct Summands {
    static constexpr int most = 64;

    const float* at[most];
    int count;
};

/// sum[i] = at[0][i] + at[1][i] + ... for `elements` elements. `sum` may be one of them.
void sum_in_order(cudaStream_t stream, float* sum, const Summands& summands, std::int64_t elements);

}  // namespace wishbone
