#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/query_gradient/consumer.cuh"
#include "backend/cuda/attention/sm90/backward/query_gradient/pipeline.cuh"
#include "backend/cuda/attention/sm90/backward/query_gradient/producer.cuh"
#include "backend/cuda/attention/sm90/backward/sizes.h"
#include "backend/cuda/attention/sm90/shared_tiles.cuh"
#include "backend/cuda/primitives/sm90/barriers.cuh"

namespace wishbone::cuda::sm90::backward {

/// dQ, with scores computed again; and statistics of rows, for the key pass.
template <class Pipeline, class F>
__global__ void __launch_bounds__(threads, 1)
    query_gradient_kernel(const __grid_constant__ CUtensorMap query_map,
                          const __grid_constant__ CUtensorMap d_out_map,
                          const __grid_constant__ CUtensorMap out_map,
                          const __grid_constant__ CUtensorMap key_map, const __grid_constant__ Parameters p) {
    extern __shared__ std::uint8_t dynamic[];
    const SharedTiles tiles(dynamic);
    const Pipeline shared{tiles.base, tiles.bytes};

    launch_dependents();
    if (threadIdx.x == 0) shared.init_barriers();
    __syncthreads();
    if (threadIdx.x < 128) {
        register_dealloc<40>();
        if (threadIdx.x < 32)
            QueryProducer<Pipeline>{p, shared, query_map, d_out_map, out_map, key_map}.run();
    } else {
        register_alloc<232>();
        QueryConsumer<Pipeline, F>{p, shared}.run();
    }
}

}  // namespace wishbone::cuda::sm90::backward
