#pragma once

namespace wishbone::cuda::sm90 {

/// A place in a ring of buffers, and the parity of the round it is in.
template <int Stages>
struct Ring {
    int round = 0, stage = 0;

    __device__ __forceinline__ void next() {
        if (++stage == Stages) stage = 0, round ^= 1;
    }
};

}  // namespace wishbone::cuda::sm90
