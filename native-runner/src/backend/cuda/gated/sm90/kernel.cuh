// Matrix products with a gated unit in their epilogue, for Hopper (sm_90a): TMA, wgmma, warp specialization, clusters.
//
// A tile is 128 rows by 256 columns, of which each of two computing warpgroups has 64 rows in its accumulators. In the forward pass
// its columns are 128 gates and the ups that go with them; in the backward pass 256 columns of the gradient of the unit's output.
// Blocks stay on the device and take one tile after the other; both blocks of a cluster have the same columns and each loads half
// of what makes them, for both (producer.cuh).
//
// The unit costs a tenth of the product's time where it follows it. So it does not: the finished tile is rounded to bf16 and held in
// 64 registers, and while the matrix units multiply for the next tile, the unit is computed from those in slices (consumer.cuh), through
// boxes in shared memory that one thread for each warpgroup fills and empties (mover.cuh). What is rounded where is as in a product
// and a pass behind it, so the values are the same.
//
// Measured and dropped (docs/benchmarks.md, "Gated units in the products around them"): the epilogue before the next tile's products; clusters
// of four; the backward pass's gates fetched to the cache ahead of their load. An arrival at the other block's barrier with release.cluster
// waits for the whole card, in each step: a third slower.

#pragma once

#include <cuda.h>

#include <algorithm>
#include <cstdint>

#include "backend/cuda/gated/sm90/consumer.cuh"
#include "backend/cuda/gated/sm90/mover.cuh"
#include "backend/cuda/gated/sm90/parameters.h"
#include "backend/cuda/gated/sm90/pipeline.cuh"
#include "backend/cuda/gated/sm90/producer.cuh"
#include "backend/cuda/gated/sm90/product.h"
#include "backend/cuda/primitives/shared_memory.cuh"
#include "backend/cuda/primitives/sm90/tensor_map.h"
#include "backend/cuda/runtime/check.h"
#include "backend/cuda/runtime/device.h"
#include "backend/cuda/runtime/dynamic_shared_memory.h"

namespace wishbone::cuda::sm90::gated {

template <class C>
__global__ void __launch_bounds__(C::Threads, 1)
    kernel(const __grid_constant__ CUtensorMap left_map, const __grid_constant__ CUtensorMap right_map,
           const __grid_constant__ CUtensorMap result_map, const __grid_constant__ CUtensorMap gates_map,
           const __grid_constant__ CUtensorMap d_gates_map, const __grid_constant__ Parameters p) {
    extern __shared__ std::uint8_t dynamic[];
    const Pipeline<C> shared{(shared_address(dynamic) + 1023) / 1024 * 1024};
    const int rank = cluster_rank(), first = static_cast<int>(blockIdx.x) / C::Cluster,
              step = static_cast<int>(gridDim.x) / C::Cluster;

    if (threadIdx.x == 0) shared.init_barriers();
    cluster_sync();
    if (threadIdx.x < 128) {
        register_dealloc<C::LoadRegisters>();
        if (threadIdx.x == 0) Producer<C>{p, shared, left_map, right_map, rank, first, step}.run();
        for (int group = 0; group < C::Groups; ++group)
            if (threadIdx.x == 32 * (1 + group))
                Mover<C>{p, shared, result_map, gates_map, d_gates_map, rank, first, step}.run(group);
        __syncwarp();
    } else {
        register_alloc<C::ComputeRegisters>();
        Consumer<C>(p, shared, first, step).run();
    }
    // Others may still load into this block's memory and arrive at its barriers.
    cluster_sync();
}

struct Maps {
    CUtensorMap left, right, result, gates, d_gates;
};

/// The unit's output [rows, columns], in boxes of the epilogue.
inline CUtensorMap result_map(const void* of, std::uint64_t rows, std::uint64_t columns) {
    return encode_tensor_3d(of, columns, rows, 1, chunk_columns, group_rows, 1, CU_TENSOR_MAP_SWIZZLE_64B);
}
/// Gate and up [rows, 2, columns], likewise.
inline CUtensorMap gates_map(const void* of, std::uint64_t rows, std::uint64_t columns) {
    return encode_tensor_3d(of, columns, 2, rows, chunk_columns, 1, group_rows, CU_TENSOR_MAP_SWIZZLE_64B);
}

/// Rows that are worked through with all columns before the next ones: what they are made of stays in the cache.
constexpr int band_rows = 2048;

template <class C>
void launch(const Device& device, cudaStream_t stream, const Maps& maps, const GatedSize& size,
            bool stores_result, bool stores_gates) {
    const auto tiles = [](std::int64_t all, int each) { return static_cast<int>((all + each - 1) / each); };
    Parameters p{.row_tiles = tiles(size.rows, C::Cluster * tile_rows),
                 .column_tiles = tiles(size.columns, C::Columns),
                 .inner_tiles = tiles(size.inner, tile_inner),
                 .band = band_rows / (C::Cluster * tile_rows),
                 .stores_result = stores_result,
                 .stores_gates = stores_gates};
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
    check(cudaLaunchKernelEx(&launch, kernel<C>, maps.left, maps.right, maps.result, maps.gates, maps.d_gates,
                             p),
          "gated unit in a product");
}

}  // namespace wishbone::cuda::sm90::gated
