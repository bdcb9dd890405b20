#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/score_gradients/consumer.cuh"
#include "backend/cuda/attention/sm90/backward/score_gradients/pipeline.cuh"
#include "backend/cuda/attention/sm90/backward/score_gradients/producer.cuh"
#include "backend/cuda/attention/sm90/backward/sizes.h"
#include "backend/cuda/attention/sm90/shared_tiles.cuh"
#include "backend/cuda/primitives/sm90/barriers.cuh"

namespace wishbone::cuda::sm90::backward {

/// dQ, from gradients of scores that the key pass has left.
template <class Pipeline>
__global__ void __launch_bounds__(threads, 1)
    score_product_kernel(const __grid_constant__ CUtensorMap key_map, const __grid_constant__ Parameters p) {
    extern __shared__ std::uint8_t dynamic[];
    const SharedTiles tiles(dynamic);
    const Pipeline shared{tiles.base, tiles.bytes};

    shared.prepare();
    __syncthreads();
    wait_for_kernel_before();
    if (threadIdx.x < 128) {
        register_dealloc<80>();
        if (threadIdx.x < 32) ScoreProducer<Pipeline>{p, shared, key_map}.run();
    } else {
        register_alloc<208>();
        ScoreConsumer<Pipeline>{p, shared}.run();
    }
}

}  // namespace wishbone::cuda::sm90::backward
