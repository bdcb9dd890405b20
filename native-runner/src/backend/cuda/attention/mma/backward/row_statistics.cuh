#pragma once

#include <cstdint>

#include "backend/cuda/attention/mma/backward/arguments.h"
#include "backend/cuda/attention/mma/packed_rows.cuh"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/fast_math.cuh"

namespace wishbone::cuda::mma {

constexpr int statistics_threads = 256;

template <int head_dim>
__global__ void __launch_bounds__(statistics_threads) statistics_kernel(const BackwardArguments a) {
    constexpr int lanes = head_dim % 64 == 0 ? 8 : 4;  // of a row
    const int rows = a.tokens * a.group.divisor();
    const int row =
        static_cast<int>(blockIdx.x) * (statistics_threads / lanes) + static_cast<int>(threadIdx.x) / lanes;
    const PackedRows packed{a.group, static_cast<int>(blockIdx.y), a.tokens};
    float sum = 0;
    if (row < rows) {
        const std::int64_t offset = packed.offset(row, a.query_heads, head_dim) + threadIdx.x % lanes * 8;
#pragma unroll
        for (int i = 0; i < head_dim / 8 / lanes; ++i) {
            const uint4 x = *reinterpret_cast<const uint4*>(a.out + offset + i * lanes * 8);
            const uint4 y = *reinterpret_cast<const uint4*>(a.d_out + offset + i * lanes * 8);
            const std::uint32_t u[4] = {x.x, x.y, x.z, x.w}, v[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                sum += low_half(u[j]) * low_half(v[j]);
                sum += high_half(u[j]) * high_half(v[j]);
            }
        }
    }
#pragma unroll
    for (int step = 1; step < lanes; step *= 2) sum += __shfl_xor_sync(~0u, sum, step);
    if (row < rows && threadIdx.x % lanes == 0)
        a.statistics[static_cast<std::int64_t>(packed.kv_head) * rows + row] = {
            a.lse[packed.statistic(row)] * log2_e, sum};
}

}  // namespace wishbone::cuda::mma
