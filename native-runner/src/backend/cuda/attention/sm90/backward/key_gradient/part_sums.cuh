#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/sizes.h"

namespace wishbone::cuda::sm90::backward {

/// What of an item says how its sums join those of the key tile's other parts.
struct Part {
    int number, parts, first_sums;

    __device__ __forceinline__ explicit Part(const Tiles::Item& item)
        : number(item.part), parts(item.parts), first_sums(item.first_sums) {}
};

/// Leaves a part's sums in device memory. True, and the sums of all parts in their order, for the warp that is the last to: the same
/// warp of each part has the same keys. By whole warps, that compute; `warp`: from 0.
template <int D>
__device__ __forceinline__ bool join_parts(const Parameters& p, const Part& part, int warp,
                                           float (&dk)[D / 2], float (&dv)[D / 2]) {
    constexpr int vectors = D / 8;  // of dk, and of dv
    const auto place = [&](int number) {
        return p.sums + (std::int64_t(part.first_sums + number) * 2 * vectors) * consumer_threads +
               32 * warp + threadIdx.x % 32;
    };
    const auto leave = [&](const float (&sums)[D / 2], float4* to) {
#pragma unroll
        for (int i = 0; i < vectors; ++i)
            __stcg(to + i * consumer_threads,
                   make_float4(sums[4 * i], sums[4 * i + 1], sums[4 * i + 2], sums[4 * i + 3]));
    };
    leave(dk, place(part.number));
    leave(dv, place(part.number) + vectors * consumer_threads);
    __threadfence();
    __syncwarp();
    int done = 0;
    if (threadIdx.x % 32 == 0) done = atomicAdd(p.parts_done + part.first_sums * consumer_warps + warp, 1);
    if (__shfl_sync(0xffffffffu, done, 0) != part.parts - 1) return false;
    __threadfence();
#pragma unroll
    for (int i = 0; i < D / 2; ++i) dk[i] = dv[i] = 0;
    const auto add = [&](float (&sums)[D / 2], const float4* from) {
#pragma unroll
        for (int i = 0; i < vectors; ++i) {
            const float4 other = __ldcg(from + i * consumer_threads);
            sums[4 * i] += other.x;
            sums[4 * i + 1] += other.y;
            sums[4 * i + 2] += other.z;
            sums[4 * i + 3] += other.w;
        }
    };
    for (int number = 0; number < part.parts; ++number) {
        add(dk, place(number));
        add(dv, place(number) + vectors * consumer_threads);
    }
    return true;
}

}  // namespace wishbone::cuda::sm90::backward
