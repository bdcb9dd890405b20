#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/forward/pipeline.cuh"

namespace wishbone::cuda::sm90::forward {

/// Keys that a query does not see for what they are, ancestors or not: those behind it, and those before its
/// window.
template <bool Windowed>
struct OwnKeys {
    int first, query;

    __device__ __forceinline__ OwnKeys(int query, const std::int32_t* first_seen)
        : first(Windowed ? first_seen[query] : 0), query(query) {}
    __device__ __forceinline__ bool hides(int key) const {
        if constexpr (Windowed) return unsigned(key - first) > unsigned(query - first);
        return key > query;
    }
};

/// Scores of invisible pairs become -inf. `query0`, `query1`: tokens of this thread's two rows; `until`:
/// visible_until of the keys of the masked slots; `first_seen` as Work has it.
template <class C, bool Windowed>
__device__ __forceinline__ void hide_invisible(float (&s)[C::N / 2], const KeySlots<C::Slots>& slots,
                                               const int* until, int query0, int query1,
                                               const std::int32_t* first_seen) {
    const int c = threadIdx.x & 3;
#pragma unroll
    for (int slot = 0; slot < C::Slots; ++slot) {
        if (!slots.masked(slot)) continue;
        const OwnKeys<Windowed> own0(query0, first_seen), own1(query1, first_seen);
        const int key = slots.place(slot) + 2 * c;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int2 end = *reinterpret_cast<const int2*>(until + slot * Tiles::slot_keys + i * 8 + 2 * c);
            float* const x = s + (slot * 4 + i) * 4;
            const int k = key + i * 8;
            if (own0.hides(k) || end.x <= query0) x[0] = -INFINITY;
            if (own0.hides(k + 1) || end.y <= query0) x[1] = -INFINITY;
            if (own1.hides(k) || end.x <= query1) x[2] = -INFINITY;
            if (own1.hides(k + 1) || end.y <= query1) x[3] = -INFINITY;
        }
    }
}

}  // namespace wishbone::cuda::sm90::forward
