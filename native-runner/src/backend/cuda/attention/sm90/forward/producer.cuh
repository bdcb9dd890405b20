#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/attention/sm90/forward/parameters.h"
#include "backend/cuda/attention/sm90/forward/pipeline.cuh"
#include "backend/cuda/primitives/sm90/ring.cuh"
#include "backend/cuda/primitives/sm90/tensor_map.h"
#include "backend/cuda/primitives/sm90/tma.cuh"

namespace wishbone::cuda::sm90::forward {

/// One thread that takes items and has their queries, keys and values loaded, as far ahead as the rings
/// reach.
template <class C>
struct Producer {
    using Slots = KeySlots<C::Slots>;

    const Parameters& p;
    const Pipeline<C>& shared;
    const CUtensorMap &query_map, &slot_map, &tile_map, &until_map;

    __device__ Slots read_slots(int first) const { return *reinterpret_cast<const Slots*>(p.slots + first); }

    /// Key or value rows of one key tile (`head` says which) to `to`.
    __device__ __forceinline__ void load_rows(std::uint32_t to, const Slots& slots, std::uint32_t barrier,
                                              int head) const {
        if (slots.contiguous()) {
#pragma unroll
            for (int d = 0; d < C::Chunks; ++d)
                tma_load_3d(to + d * (C::N * 128), &tile_map, barrier, d * swizzle_width, head,
                            slots.place(0));
        } else {
#pragma unroll
            for (int i = 0; i < C::Slots; ++i)
                if (slots.place(i) != Tiles::no_key)
#pragma unroll
                    for (int d = 0; d < C::Chunks; ++d)
                        tma_load_3d(to + d * (C::N * 128) + i * (Tiles::slot_keys * 128), &slot_map, barrier,
                                    d * swizzle_width, head, slots.place(i));
        }
    }

    __device__ __forceinline__ void run() const {
        const int query_bytes = C::Chunks * p.tile_tokens * p.group * 128;
        Ring<C::QueryStages> query;
        Ring<C::Stages> keys, values;
        const auto load_values = [&](int key_stage, int head) {
            const Slots slots = shared.slots(key_stage);
            mbarrier_wait(shared.value_empty(values.stage), values.round ^ 1);
            mbarrier_arrive_expect_tx(shared.value_full(values.stage),
                                      slots.used() * (Tiles::slot_keys * C::Chunks * 128));
            load_rows(shared.value(values.stage), slots, shared.value_full(values.stage), head);
            values.next();
        };

        // Two items ahead is their number, one ahead what they are.
        int index = atomicAdd(p.counters, 1), next_index = atomicAdd(p.counters, 1);
        Tiles::Item item{}, next_item{};
        Slots slots{};
        if (index < p.item_count) {
            item = p.items[index];
            slots = read_slots(item.first_slot);
        }
        while (index < p.item_count) {
            const bool more = next_index < p.item_count;
            if (more) next_item = p.items[next_index];
            index = next_index;
            next_index = atomicAdd(p.counters, 1);

            mbarrier_wait(shared.query_empty(query.stage), query.round ^ 1);
            shared.work(query.stage) =
                make_int4(item.query_begin, item.query_end, item.kv_head, item.key_tiles);
            mbarrier_arrive_expect_tx(shared.query_full(query.stage), query_bytes);
#pragma unroll
            for (int d = 0; d < C::Chunks; ++d)
                tma_load_3d(shared.query(query.stage) + d * (C::Rows * 128), &query_map,
                            shared.query_full(query.stage), d * swizzle_width, item.kv_head * p.group,
                            item.query_begin);
            query.next();

            const int key_head = p.query_heads + item.kv_head, value_head = key_head + p.kv_heads;
            int last = 0;
            for (int j = 0; j < item.key_tiles; ++j) {
                const Slots now = slots;
                if (j + 1 < item.key_tiles) slots = read_slots(item.first_slot + (j + 1) * C::Slots);
                mbarrier_wait(shared.key_empty(keys.stage), keys.round ^ 1);
                shared.slots(keys.stage) = now;
                const std::uint32_t barrier = shared.key_full(keys.stage);
                mbarrier_arrive_expect_tx(barrier, now.used() * (Tiles::slot_keys * C::Chunks * 128) +
                                                       now.limited() * (Tiles::slot_keys * 4));
                load_rows(shared.key(keys.stage), now, barrier, key_head);
#pragma unroll
                for (int i = 0; i < C::Slots; ++i)
                    if (now.needs_until(i))
                        tma_load_1d(shared.until_address(keys.stage, i), &until_map, barrier,
                                    now.place(i) % 4 * p.until_stride + now.place(i) / 4 * 4);
                // Values are needed one key tile later than keys.
                if (j > 0) load_values(last, value_head);
                last = keys.stage;
                keys.next();
            }
            item = next_item;
            if (more) slots = read_slots(item.first_slot);
            load_values(last, value_head);
        }
        mbarrier_wait(shared.query_empty(query.stage), query.round ^ 1);
        shared.work(query.stage) = make_int4(0, 0, 0, 0);
        mbarrier_arrive(shared.query_full(query.stage));
        // The last block leaves the counters as it found them.
        if (atomicAdd(p.counters + 1, 1) == static_cast<int>(gridDim.x) - 1)
            p.counters[0] = p.counters[1] = 0;
    }
};

}  // namespace wishbone::cuda::sm90::forward
