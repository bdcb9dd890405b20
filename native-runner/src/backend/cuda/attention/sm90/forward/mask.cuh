#pragma once

#include "backend/cuda/attention/sm90/forward/pipeline.cuh"

namespace wishbone::cuda::sm90::forward {

/// Scores of invisible pairs become -inf. `query0`, `query1`: tokens of this thread's two rows; `until`:
/// visible_until of the keys of the masked slots.
template <class C>
__device__ __forceinline__ void hide_invisible(float (&s)[C::N / 2], const KeySlots<C::Slots>& slots,
                                               const int* until, int query0, int query1) {
    const int c = threadIdx.x & 3;
#pragma unroll
    for (int slot = 0; slot < C::Slots; ++slot) {
        if (!slots.masked(slot)) continue;
        const int key = slots.place(slot) + 2 * c;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int2 end = *reinterpret_cast<const int2*>(until + slot * Tiles::slot_keys + i * 8 + 2 * c);
            float* const x = s + (slot * 4 + i) * 4;
            const int k = key + i * 8;
            if (k > query0 || end.x <= query0) x[0] = -INFINITY;
            if (k + 1 > query0 || end.y <= query0) x[1] = -INFINITY;
            if (k > query1 || end.x <= query1) x[2] = -INFINITY;
            if (k + 1 > query1 || end.y <= query1) x[3] = -INFINITY;
        }
    }
}

}  // namespace wishbone::cuda::sm90::forward
