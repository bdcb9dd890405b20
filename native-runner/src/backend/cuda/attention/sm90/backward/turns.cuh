#pragma once

#include "backend/cuda/attention/sm90/backward/sizes.h"
#include "backend/cuda/primitives/sm90/barriers.cuh"

namespace wishbone::cuda::sm90::backward {

constexpr int consumer_arrivals = consumer_threads / 32 * warp_arrivals;

/// The two computing warpgroups take turns at starting products, so that one computes exponentials while the
/// other multiplies. Both take as many: also for steps that they skip.
__device__ __forceinline__ void take_turn(int warpgroup) {
    named_barrier_sync(1 + warpgroup, consumer_threads);
}
__device__ __forceinline__ void give_turn(int warpgroup) {
    named_barrier_arrive(2 - warpgroup, consumer_threads);
}

}  // namespace wishbone::cuda::sm90::backward
