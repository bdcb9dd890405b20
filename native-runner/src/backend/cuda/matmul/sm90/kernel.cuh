// Matrix products for Hopper (sm_90a): TMA, wgmma, warp specialization, clusters; bf16 operands, f32 sums.
//
// A tile is 128 rows by 256 columns, of which each of two computing warpgroups has 64 rows in its accumulators. Blocks stay on the
// device and take one tile after the other; both blocks of a cluster have the same columns and each loads half of what makes them, for
// both (producer.cuh).
//
// What is done with a finished tile is an epilogue's (gated/sm90, rotated/sm90, head/sm90). The tile is rounded to bf16 and held in 64 registers, and while the matrix units multiply for the next one, the epilogue is computed from those in slices (consumer.cuh), through
// boxes in shared memory that one thread for each warpgroup fills and empties (mover.cuh).
//
// What low-rank adapters add to a linear layer is a second product whose sums go on behind the first one's: a stage or two more for a tile,
// where a product of its own would write what the large one then reads.
//
// Measured and dropped (docs/benchmarks.md, "Gated units in the products around them"): the epilogue before the next tile's products; clusters
// of four, two by two as well; the backward pass's gates fetched to the cache ahead of their load. An arrival at the other block's barrier with release.cluster
// waits for the whole card, in each step: a third slower. Without an epilogue these products are no faster than cuBLASLt's ("Products of our own without a unit").

#pragma once

#include <cuda.h>

#include <algorithm>
#include <cstdint>

#include "backend/cuda/matmul/sm90/consumer.cuh"
#include "backend/cuda/matmul/sm90/mover.cuh"
#include "backend/cuda/matmul/sm90/parameters.h"
#include "backend/cuda/matmul/sm90/pipeline.cuh"
#include "backend/cuda/matmul/sm90/producer.cuh"
#include "backend/cuda/primitives/shared_memory.cuh"
#include "backend/cuda/primitives/sm90/tensor_map.h"
#include "backend/cuda/runtime/check.h"
#include "backend/cuda/runtime/device.h"
#include "backend/cuda/runtime/dynamic_shared_memory.h"

namespace wishbone::cuda::sm90::product {

template <class C>
__global__ void __launch_bounds__(C::Threads, 1)
    kernel(const __grid_constant__ Operands first, const __grid_constant__ Operands behind,
           const __grid_constant__ typename C::Epilogue::Maps maps,
           const __grid_constant__ Parameters<typename C::Epilogue> p) {
    extern __shared__ std::uint8_t dynamic[];
    const Pipeline<C> shared{(shared_address(dynamic) + 1023) / 1024 * 1024};
    const int rank = cluster_rank();
    const Place place{rank, static_cast<int>(blockIdx.x) / C::Cluster,
                      static_cast<int>(gridDim.x) / C::Cluster};

    if (threadIdx.x == 0) shared.init_barriers();
    cluster_sync();
    static_assert(registers_suffice<C::LoadRegisters, C::ComputeRegisters, C::Groups>);
    if (threadIdx.x < 128) {
        register_dealloc<C::LoadRegisters>();
        if (threadIdx.x == 0) Producer<C>{p, shared, first, behind, place}.run();
        for (int group = 0; group < C::Groups; ++group)
            if (threadIdx.x == 32 * (1 + group)) Mover<C>{p, shared, maps, place}.run(group);
        __syncwarp();
    } else {
        register_alloc<C::ComputeRegisters>();
        Consumer<C>(p, shared, place).run();
    }
    // Others may still load into this block's memory and arrive at its barriers.
    cluster_sync();
}

/// The left operand of a product [rows, inner].
inline CUtensorMap left_map(const void* of, const Size& size) {
    return encode_tensor_3d(of, static_cast<std::uint64_t>(size.inner), static_cast<std::uint64_t>(size.rows),
                            1, tile_inner, tile_rows, 1);
}
/// The right one in boxes of 64 columns, of which `columns` lie one after the other: [parts, columns, inner] or [inner, columns].
inline CUtensorMap right_map(Form form, const void* of, const Size& size, int parts = 1) {
    const auto columns = static_cast<std::uint64_t>(size.columns),
               inner = static_cast<std::uint64_t>(size.inner);
    return form == Form::forward ? encode_tensor_3d(of, inner, columns, static_cast<std::uint64_t>(parts),
                                                    tile_inner, tile_columns / 4, 1)
                                 : encode_tensor_3d(of, columns, inner, 1, swizzle_width, tile_inner, 1);
}
/// Results [rows, columns], in boxes of the epilogue.
inline CUtensorMap result_map(const void* of, const Size& size) {
    return encode_tensor_3d(of, static_cast<std::uint64_t>(size.columns),
                            static_cast<std::uint64_t>(size.rows), 1, chunk_columns, group_rows, 1,
                            CU_TENSOR_MAP_SWIZZLE_64B);
}

/// Rows that are worked through with all columns before the next ones: what they are made of stays in the cache.
constexpr int band_rows = 2048;

/// Operands as `Form` says; the right ones of results made of two columns have those one matrix after the other.
template <class C>
void launch(const Device& device, cudaStream_t stream, const Factors& of,
            const typename C::Epilogue::Maps& maps, const Size& size,
            const typename C::Epilogue::Options& options, const Behind& behind = {}) {
    const auto operands = [&](const Factors& factors, std::int64_t inner) {
        const Size own{size.rows, size.columns, inner};
        return Operands{left_map(factors.left, own),
                        right_map(C::form, factors.right, own, tile_columns / C::Epilogue::Columns)};
    };
    const Operands first = operands(of, size.inner),
                   more = behind.inner > 0 ? operands(behind.of, behind.inner) : first;
    const auto tiles = [](std::int64_t all, int each) { return static_cast<int>((all + each - 1) / each); };
    const Parameters<typename C::Epilogue> p{
        .row_tiles = tiles(size.rows, C::Cluster * tile_rows),
        .column_tiles = tiles(size.columns, C::Epilogue::Columns),
        .first_tiles = tiles(size.inner, tile_inner),
        .inner_tiles = tiles(size.inner, tile_inner) + tiles(behind.inner, tile_inner),
        .band = band_rows / (C::Cluster * tile_rows),
        .options = options};
    allow_shared_memory(kernel<C>, C::Allocated);
    cudaLaunchAttribute cluster{};
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim = {C::Cluster, 1, 1};
    cudaLaunchConfig_t launch{};
    launch.gridDim = dim3(static_cast<unsigned>(
        C::Cluster * std::min(device.multiprocessors / C::Cluster, p.row_tiles * p.column_tiles)));
    launch.blockDim = dim3(C::Threads);
    launch.dynamicSmemBytes = C::Allocated;
    launch.stream = stream;
    launch.attrs = &cluster;
    launch.numAttrs = 1;
    check(cudaLaunchKernelEx(&launch, kernel<C>, first, more, maps, p), "matrix product");
}

}  // namespace wishbone::cuda::sm90::product
