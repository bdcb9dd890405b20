#pragma once

#include <cuda.h>

#include <algorithm>
#include <cstdint>

#include "backend/cuda/gated/sm90/consumer.cuh"
#include "backend/cuda/gated/sm90/mover.cuh"
#include "backend/cuda/gated/sm90/parameters.h"
#include "backend/cuda/gated/sm90/pipeline.cuh"
#include "backend/cuda/gated/sm90/producer.cuh"
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
    const int rank = C::Cluster == 1 ? 0 : cluster_rank();
    const int first = static_cast<int>(blockIdx.x) / C::Cluster,
              step = static_cast<int>(gridDim.x) / C::Cluster;

    if (threadIdx.x == 0) shared.init_barriers();
    if constexpr (C::Cluster == 1)
        __syncthreads();
    else
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
    if constexpr (C::Cluster > 1) cluster_sync();
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

/// Rows and columns of results, and what is summed over.
struct Size {
    std::int64_t rows, columns, inner;
};

template <class C>
void launch(const Device& device, cudaStream_t stream, const Maps& maps, const Size& size, int band,
            bool stores_result, bool stores_gates) {
    const auto tiles = [](std::int64_t all, int each) { return static_cast<int>((all + each - 1) / each); };
    Parameters p{.row_tiles = tiles(size.rows, C::Cluster * tile_rows),
                 .column_tiles = tiles(size.columns, C::Columns),
                 .inner_tiles = tiles(size.inner, tile_inner),
                 .band = std::max(1, band / C::Cluster),
                 .stores_result = stores_result,
                 .stores_gates = stores_gates};
    allow_shared_memory(kernel<C>, C::Allocated);
    cudaLaunchAttribute cluster{};
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim = {C::Cluster, 1, 1};
    cudaLaunchConfig_t launch{};
    launch.gridDim = dim3(static_cast<unsigned>(device.multiprocessors / C::Cluster * C::Cluster));
    launch.blockDim = dim3(C::Threads);
    launch.dynamicSmemBytes = C::Allocated;
    launch.stream = stream;
    launch.attrs = &cluster;
    launch.numAttrs = 1;
    // How many clusters of four find room depends on which multiprocessors a card has.
    int clusters = 0;
    check(cudaOccupancyMaxActiveClusters(&clusters, kernel<C>, &launch), "cudaOccupancyMaxActiveClusters");
    launch.gridDim.x = static_cast<unsigned>(std::min(std::max(clusters, 1), p.row_tiles * p.column_tiles) * C::Cluster);
    check(cudaLaunchKernelEx(&launch, kernel<C>, maps.left, maps.right, maps.result, maps.gates, maps.d_gates, p),
          "gated unit in a product");
}

}  // namespace wishbone::cuda::sm90::gated
