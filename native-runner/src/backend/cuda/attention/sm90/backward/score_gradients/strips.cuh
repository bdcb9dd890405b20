#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/sizes.h"
#include "backend/cuda/attention/sm90/backward/tiles.h"
#include "backend/cuda/primitives/sm90/barriers.cuh"
#include "backend/cuda/primitives/sm90/store_matrices.cuh"
#include "backend/cuda/primitives/sm90/tma.cuh"
#include "backend/cuda/primitives/sm90/wgmma.cuh"

/// How gradients of scores lie in memory, which is how the matrix units take them as left factor of dS K: a strip has 16 keys (where
/// the sum runs) and the M rows of a query tile, as matrices of 8 keys by 8 rows whose rows are keys, 128 bytes each: keys 8h to 8h + 7
/// and query rows 8i to 8i + 7 at 256 i + 128 h.
namespace wishbone::cuda::sm90::backward {

/// Writes dS^T of a warp's 16 keys, as words[2i + h] holds it, to the strip at `to`, by way of a strip of the warp's own in shared
/// memory: the copy engine goes on with it while the warp does. `tma_wait_until_read` by lane 0 must follow the last.
template <int M>
__device__ __forceinline__ void store_strip(void* to, std::uint32_t own,
                                            const std::uint32_t (&words)[M / 4]) {
    const int lane = threadIdx.x % 32;
    if (lane == 0) tma_wait_until_read();
    __syncwarp();
#pragma unroll
    for (int i = 0; i < M / 8; i += 2)
        store_matrices(own + 256 * i + 16 * lane,
                       {words[2 * i], words[2 * i + 1], words[2 * i + 2], words[2 * i + 3]});
    fence_proxy_async();
    __syncwarp();
    if (lane == 0) {
        bulk_store(to, own, M * strip_row_bytes);
        tma_commit();
    }
}

/// Bytes of a strip's 64 rows.
constexpr int warpgroup_strip_bytes = 64 * strip_row_bytes;

/// Sums of a warpgroup, [64, D]: += dS of its rows with the keys of `strips` strips, times those keys [score_block, D]. `scores`: the
/// warpgroup's first row in the first strip, strips `stride` bytes apart. Strips that are not there are taken from `zeros`
/// [warpgroup_strip_bytes]: products that are left out by a branch make the compiler wait for each of the others.
template <int D>
__device__ __forceinline__ void multiply_add_strips(float (&sums)[D / 2], std::uint32_t scores, int stride,
                                                    std::uint32_t keys, int strips, std::uint32_t zeros) {
#pragma unroll
    for (int k = 0; k < score_block / Tiles::strip_keys; ++k)
        wgmma_ss<D, 1, 1>(sums, plain_descriptor(k < strips ? scores + k * stride : zeros, 128, 256),
                          descriptor(keys + k * 2048, score_block * 128, 1024), 1);
}

}  // namespace wishbone::cuda::sm90::backward
