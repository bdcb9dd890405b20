#pragma once

#include <cstdint>

#include "backend/cuda/matmul/sm90/config.h"
#include "backend/cuda/primitives/sm90/barriers.cuh"

namespace wishbone::cuda::sm90::product {

/// What the warps of a block share: a ring of stages of both operands, for each computing warpgroup the boxes of its epilogue, and the
/// barriers by which they are handed over.
template <class C>
struct Pipeline {
    const std::uint32_t base;

    __device__ std::uint32_t left(int stage) const { return base + C::Left + stage * C::LeftBytes; }
    __device__ std::uint32_t right(int stage) const { return base + C::Right + stage * C::RightBytes; }
    __device__ std::uint32_t boxes(int group) const { return base + C::Boxes + group * C::GroupBoxes; }

    /// A stage is loaded; every block of the cluster is done with it.
    __device__ std::uint32_t full(int stage) const { return base + C::Barriers + 8 * stage; }
    __device__ std::uint32_t empty(int stage) const { return full(C::Stages + stage); }
    /// A group's boxes may be used (and hold what the epilogue reads); it has written them.
    __device__ std::uint32_t ready(int group) const { return full(2 * C::Stages + group); }
    __device__ std::uint32_t written(int group) const { return ready(C::Groups + group); }

    /// By one thread; a barrier of the cluster follows.
    __device__ __forceinline__ void init_barriers() const {
        for (int i = 0; i < C::Stages; ++i) {
            mbarrier_init(full(i), 1);
            mbarrier_init(empty(i), 4 * C::Groups * C::Cluster * warp_arrivals);
        }
        for (int i = 0; i < C::Groups; ++i) {
            mbarrier_init(ready(i), 1);
            mbarrier_init(written(i), 4 * warp_arrivals);
        }
        mbarrier_fence_init();
    }

    /// A warp is done with a stage, here and for the blocks that load into it.
    __device__ __forceinline__ void release(int stage) const {
        __syncwarp();
        const int lane = threadIdx.x % 32;
#pragma unroll
        for (int i = 0; i < C::Cluster; ++i)
            if (warp_arrivals > 1 || lane == i) mbarrier_arrive_in(empty(stage), i);
    }
};

}  // namespace wishbone::cuda::sm90::product
