#include <algorithm>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/primitives/packed.cuh"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/rows/rows.h"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

constexpr int warps_of_block = 8;

/// A warp a row: its lanes have several independent accesses under way.
template <int N>
__global__ void __launch_bounds__(32 * warps_of_block)
    gather_kernel(bf16* out, const bf16* x, const std::int32_t* rows, std::int64_t count,
                  std::int64_t width) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * warps_of_block + threadIdx.y;
    if (i >= count) return;
    const bf16* from = x + rows[i] * width;
    bf16* to = out + i * width;
#pragma unroll 4
    for (std::int64_t at = threadIdx.x * N; at < width; at += 32 * N)
        Packed<N>::load(from + at).store(to + at);
}

template <int N>
__global__ void __launch_bounds__(32 * warps_of_block)
    scatter_add_kernel(bf16* x, const bf16* from, const std::int32_t* rows, std::int64_t count,
                       std::int64_t width) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * warps_of_block + threadIdx.y;
    if (i >= count) return;
    const bf16* source = from + i * width;
    bf16* to = x + rows[i] * width;
#pragma unroll 4
    for (std::int64_t at = threadIdx.x * N; at < width; at += 32 * N) {
        float sum[N], change[N];
        Packed<N>::load(to + at).unpack(sum);
        Packed<N>::load(source + at).unpack(change);
#pragma unroll
        for (int j = 0; j < N; ++j) sum[j] += change[j];
        Packed<N>::pack(sum).store(to + at);
    }
}

constexpr int tile = 256;

/// rank[i] += keys before key i among [blockIdx.y · part, + part): the smaller ones, and equal ones further
/// in front.
__global__ void __launch_bounds__(tile)
    count_before(std::int32_t* rank, const std::int32_t* keys, std::int64_t count, std::int64_t part) {
    __shared__ std::int32_t others[tile];
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * tile + threadIdx.x;
    const std::int32_t key = i < count ? keys[i] : 0;
    const std::int64_t begin = blockIdx.y * part, end = min(count, begin + part);
    int before = 0;
    for (std::int64_t base = begin; base < end; base += tile) {
        __syncthreads();
        // What lies behind the end is larger than any key.
        others[threadIdx.x] = base + threadIdx.x < end ? keys[base + threadIdx.x] : INT32_MAX;
        __syncthreads();
        // `part` is a multiple of the tile, so a tile lies in front of this block's keys, behind them, or is
        // the same.
        if (base == static_cast<std::int64_t>(blockIdx.x) * tile) {
            for (int j = 0; j < tile; ++j)
                before += others[j] < key || (others[j] == key && j < static_cast<int>(threadIdx.x));
        } else {
            const std::int32_t limit = base < i ? key + 1 : key;
#pragma unroll 32
            for (int j = 0; j < tile; ++j) before += others[j] < limit;
        }
    }
    // A sum of integers is the same in any order.
    if (i < count && before > 0) atomicAdd(rank + i, before);
}

__global__ void place_by_rank(std::int32_t* order, const std::int32_t* rank, std::int64_t count) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i < count) order[rank[i]] = static_cast<std::int32_t>(i);
}

unsigned blocks_for_rows(std::int64_t count) {
    return static_cast<unsigned>(divide_up(count, warps_of_block));
}

}  // namespace

void gather(cudaStream_t stream, bf16* out, const bf16* x, const std::int32_t* rows, std::int64_t count,
            std::int64_t width) {
    if (count == 0 || width == 0) return;
    const dim3 block(32, warps_of_block);
    if (vectorised(width, {out, x}))
        gather_kernel<bf16_vector><<<blocks_for_rows(count), block, 0, stream>>>(out, x, rows, count, width);
    else
        gather_kernel<1><<<blocks_for_rows(count), block, 0, stream>>>(out, x, rows, count, width);
    check_launch("gather");
}

void stable_order(cudaStream_t stream, std::int32_t* order, std::int32_t* rank, const std::int32_t* keys,
                  std::int64_t count) {
    if (count == 0) return;
    check(cudaMemsetAsync(rank, 0, static_cast<std::size_t>(count) * sizeof(std::int32_t), stream),
          "cudaMemsetAsync");
    const std::int64_t tiles = divide_up(count, tile);
    // Enough blocks for any device, whatever the count.
    const std::int64_t parts = std::clamp<std::int64_t>(2048 / tiles, 1, tiles);
    const std::int64_t part = divide_up(tiles, parts) * tile;
    const dim3 grid(static_cast<unsigned>(tiles), static_cast<unsigned>(divide_up(count, part)));
    count_before<<<grid, tile, 0, stream>>>(rank, keys, count, part);
    check_launch("count_before");
    place_by_rank<<<static_cast<unsigned>(tiles), tile, 0, stream>>>(order, rank, count);
    check_launch("place_by_rank");
}

void CudaBackend::gather_rows(Tensor out, Tensor x, Tensor rows) {
    require(x.rank == 2 && is_bf16(x, {x.shape[0], x.shape[1]}) && is_i32(rows, {out.shape[0]}) &&
                is_bf16(out, {rows.shape[0], x.shape[1]}),
            "gather_rows");
    gather(stream_.get(), out.as<bf16>(), x.as<bf16>(), rows.as<std::int32_t>(), rows.shape[0], x.shape[1]);
}

void CudaBackend::scatter_add_rows(Tensor x, Tensor from, Tensor rows) {
    require(x.rank == 2 && is_bf16(x, {x.shape[0], x.shape[1]}) && is_i32(rows, {from.shape[0]}) &&
                is_bf16(from, {rows.shape[0], x.shape[1]}),
            "scatter_add_rows");
    const std::int64_t count = rows.shape[0], width = x.shape[1];
    if (count == 0 || width == 0) return;
    const dim3 block(32, warps_of_block);
    const auto run = [&](auto kernel) {
        kernel<<<blocks_for_rows(count), block, 0, stream_.get()>>>(x.as<bf16>(), from.as<bf16>(),
                                                                    rows.as<std::int32_t>(), count, width);
        check_launch("scatter_add_rows");
    };
    if (vectorised(width, {x.data, from.data}))
        run(scatter_add_kernel<bf16_vector>);
    else
        run(scatter_add_kernel<1>);
}

}  // namespace wishbone::cuda
