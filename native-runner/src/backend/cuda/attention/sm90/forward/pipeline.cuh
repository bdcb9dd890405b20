#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/forward/tiles.h"
#include "backend/cuda/attention/sm90/shared_tiles.cuh"
#include "backend/cuda/primitives/sm90/barriers.cuh"

namespace wishbone::cuda::sm90::forward {

/// The slots of a key tile, as the list of them has them (Tiles::slots).
template <int Count>
struct alignas(Count * 4) KeySlots {
    int at[Count];

    __device__ int place(int i) const { return at[i] >> 2; }
    __device__ bool masked(int i) const { return at[i] & Tiles::masked; }
    __device__ bool contiguous() const { return at[0] & Tiles::contiguous; }
    __device__ int used() const {
        int slots = 0;
#pragma unroll
        for (int i = 0; i < Count; ++i) slots += place(i) != Tiles::no_key;
        return slots;
    }
    __device__ bool needs_until(int i) const { return masked(i) && place(i) != Tiles::no_key; }
    /// How many slots need `visible_until`.
    __device__ int limited() const {
        int slots = 0;
#pragma unroll
        for (int i = 0; i < Count; ++i) slots += needs_until(i);
        return slots;
    }
};

/// What the loading thread and the computing warpgroups share: rings of tiles in shared memory, what lies in
/// them, and the barriers by which each stage is handed over (full) and back (empty).
template <class C>
struct Pipeline {
    using Slots = KeySlots<C::Slots>;

    const std::uint32_t base;  ///< shared-memory address of the tiles
    std::uint8_t* const shared;

    __device__ std::uint32_t query_full(int stage) const { return base + C::Barriers + 8 * stage; }
    __device__ std::uint32_t query_empty(int stage) const { return query_full(C::QueryStages + stage); }
    __device__ std::uint32_t key_full(int stage) const { return query_full(2 * C::QueryStages + stage); }
    __device__ std::uint32_t key_empty(int stage) const { return key_full(C::Stages + stage); }
    __device__ std::uint32_t value_full(int stage) const { return key_full(2 * C::Stages + stage); }
    __device__ std::uint32_t value_empty(int stage) const { return key_full(3 * C::Stages + stage); }

    __device__ std::uint32_t query(int stage) const { return base + C::Query + stage * C::QueryBytes; }
    __device__ std::uint32_t key(int stage) const { return base + C::Key + stage * C::KeyBytes; }
    __device__ std::uint32_t value(int stage) const { return base + C::Value + stage * C::KeyBytes; }

    /// What a query stage holds: first and last token (exclusive), KV head, key tiles; no key tiles at the
    /// end of all work.
    __device__ int4& work(int stage) const { return *reinterpret_cast<int4*>(shared + C::Work + stage * 16); }
    __device__ Slots& slots(int stage) const {
        return *reinterpret_cast<Slots*>(shared + C::KeySlots + stage * 16);
    }
    /// `visible_until` of the keys of a stage.
    __device__ const int* until(int stage) const {
        return reinterpret_cast<const int*>(shared + C::Until) + stage * C::N;
    }
    __device__ std::uint32_t until_address(int stage, int slot) const {
        return base + C::Until + (stage * C::N + slot * Tiles::slot_keys) * 4;
    }

    /// By one thread; a barrier of the block follows.
    __device__ __forceinline__ void init_barriers() const {
        for (int i = 0; i < C::QueryStages; ++i) {
            mbarrier_init(query_full(i), 1);
            mbarrier_init(query_empty(i), 4 * C::Groups * warp_arrivals);
        }
        for (int i = 0; i < C::Stages; ++i) {
            mbarrier_init(key_full(i), 1);
            mbarrier_init(value_full(i), 1);
            mbarrier_init(key_empty(i), 4 * C::Groups * warp_arrivals);
            mbarrier_init(value_empty(i), 4 * C::Groups * warp_arrivals);
        }
        mbarrier_fence_init();
    }
};

}  // namespace wishbone::cuda::sm90::forward
