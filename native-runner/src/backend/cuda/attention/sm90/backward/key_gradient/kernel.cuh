#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/key_gradient/consumer.cuh"
#include "backend/cuda/attention/sm90/backward/key_gradient/pipeline.cuh"
#include "backend/cuda/attention/sm90/backward/key_gradient/producer.cuh"
#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/sizes.h"
#include "backend/cuda/attention/sm90/shared_tiles.cuh"
#include "backend/cuda/primitives/sm90/barriers.cuh"

namespace wishbone::cuda::sm90::backward {

/// dK and dV; and gradients of scores, where `Pipeline` leaves them.
template <class Pipeline, class F>
__global__ void __launch_bounds__(threads, 1)
    key_gradient_kernel(const __grid_constant__ CUtensorMap query_map,
                        const __grid_constant__ CUtensorMap d_out_map,
                        const __grid_constant__ CUtensorMap key_map,
                        const __grid_constant__ CUtensorMap stats_map, const __grid_constant__ Parameters p) {
    extern __shared__ std::uint8_t dynamic[];
    const SharedTiles tiles(dynamic);
    const Pipeline shared{tiles.base, tiles.bytes};

    if (threadIdx.x == 0) shared.init_barriers();
    if (p.tile_tokens * p.group < Pipeline::M) {
        // Rows that no load reaches must not hold what is no number.
        for (int i = threadIdx.x; i < 2 * Pipeline::Stages * Pipeline::row_bytes / 16; i += threads)
            reinterpret_cast<uint4*>(tiles.bytes + Pipeline::query_at)[i] = make_uint4(0, 0, 0, 0);
        fence_proxy_async();
    }
    launch_dependents();
    __syncthreads();
    wait_for_kernel_before();
    if (threadIdx.x < 128) {
        register_dealloc<24>();
        if (threadIdx.x == 0)
            KeyProducer<Pipeline>{p, shared, query_map, d_out_map, key_map, stats_map}.run();
    } else {
        register_alloc<240>();
        KeyConsumer<Pipeline, F>{p, shared}.run();
    }
}

}  // namespace wishbone::cuda::sm90::backward
