#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/forward/parameters.h"
#include "backend/cuda/attention/sm90/forward/softmax.cuh"
#include "backend/cuda/attention/sm90/store_row.cuh"
#include "backend/cuda/primitives/warp.cuh"

namespace wishbone::cuda::sm90::forward {

/// This thread's two rows of a query tile, 8 apart.
struct ThreadRows {
    int lane;  ///< of the warp; four lanes share the rows
    int row0, row1, token0, token1, head0, head1;

    __device__ ThreadRows(int first_row, int lane, int group)
        : lane(lane),
          row0(first_row + lane / 4),
          row1(row0 + 8),
          token0(row0 / group),
          token1(row1 / group),
          head0(row0 % group),
          head1(row1 % group) {}
};

/// Writes out and lse of this thread's rows. `work` as in Pipeline::work; `o`: weighted values, not yet
/// divided by the sum.
template <class C>
__device__ __forceinline__ void store_output(const Parameters& p, const ThreadRows& rows, const int4& work,
                                             const Softmax& softmax, const float (&o)[C::D / 2]) {
    const int query0 = work.x + rows.token0, query1 = work.x + rows.token1;
    const bool valid0 = rows.row0 < p.tile_tokens * p.group && query0 < work.y;
    const bool valid1 = rows.row1 < p.tile_tokens * p.group && query1 < work.y;
    const std::int64_t h0 = work.z * p.group + rows.head0, h1 = work.z * p.group + rows.head1;
    const float sum0 = quad_sum(softmax.sum[0]), sum1 = quad_sum(softmax.sum[1]);
    if (rows.lane % 4 == 0) {
        if (valid0) p.lse[h0 * p.tokens + query0] = softmax.reference[0] * p.scale + __logf(sum0);
        if (valid1) p.lse[h1 * p.tokens + query1] = softmax.reference[1] * p.scale + __logf(sum1);
    }
    store_row(p.out + (std::int64_t(query0) * p.query_heads + h0) * C::D, valid0, o, 0, 1.0f / sum0);
    store_row(p.out + (std::int64_t(query1) * p.query_heads + h1) * C::D, valid1, o, 1, 1.0f / sum1);
}

}  // namespace wishbone::cuda::sm90::forward
