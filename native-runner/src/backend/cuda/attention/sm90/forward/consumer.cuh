#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/forward/epilogue.cuh"
#include "backend/cuda/attention/sm90/forward/mask.cuh"
#include "backend/cuda/attention/sm90/forward/parameters.h"
#include "backend/cuda/attention/sm90/forward/pipeline.cuh"
#include "backend/cuda/attention/sm90/forward/softmax.cuh"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/sm90/ring.cuh"
#include "backend/cuda/primitives/sm90/wgmma.cuh"

namespace wishbone::cuda::sm90::forward {

constexpr int first_turn = 1;  ///< named barriers of the warpgroups' turns

/// One warpgroup, which computes 64 rows of every item. `F`: its Features.
template <class C, class F>
struct Consumer {
    static constexpr int D = C::D, N = C::N;

    const Parameters& p;
    const Pipeline<C>& shared;

    __device__ __forceinline__ void take_turn(int group) const {
        if constexpr (C::Turns) named_barrier_sync(first_turn + group, 256);
    }
    __device__ __forceinline__ void give_turn(int group) const {
        if constexpr (C::Turns) named_barrier_arrive(first_turn + (group + 1) % C::Groups, 256);
    }

    /// Scores of 64 rows of queries with the keys of a tile, started.
    __device__ __forceinline__ void start_scores(float (&s)[N / 2], std::uint32_t query,
                                                 std::uint32_t key) const {
#pragma unroll
        for (int k = 0; k < D / 16; ++k)
            wgmma_ss<N, 0, 0>(s, descriptor(query + k / 4 * (C::Rows * 128) + k % 4 * 32, 0, 1024),
                              descriptor(key + k / 4 * (N * 128) + k % 4 * 32, 0, 1024), k > 0);
        wgmma_commit();
    }

    /// o += probabilities times values, started.
    __device__ __forceinline__ void start_output(float (&o)[D / 2], const std::uint32_t (&probability)[N / 4],
                                                 std::uint32_t value) const {
#pragma unroll
        for (int k = 0; k < N / 16; ++k)
            wgmma_rs<D, 1>(o, probability[4 * k], probability[4 * k + 1], probability[4 * k + 2],
                           probability[4 * k + 3], descriptor(value + k * 2048, N * 128, 1024), 1);
        wgmma_commit();
    }

    __device__ __forceinline__ void run() const {
        const int group = __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 128 - 1, 0);
        const int warp = __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 32 % 4, 0);
        const ThreadRows rows(group * 64 + warp * 16, threadIdx.x % 32, p.group);

        Ring<C::QueryStages> query;
        Ring<C::Stages> keys, values;
        float o[D / 2], s[N / 2], shrink[2];
        std::uint32_t probability[N / 4];
        Softmax softmax;

        const auto read_work = [&] {
            mbarrier_wait(shared.query_full(query.stage), query.round);
            const int4 work = shared.work(query.stage);
            return work;
        };
        // One key tile: its scores, while the probabilities of the one before (if any) are put to use.
        const auto advance = [&](const int4& work, bool values_too, bool fresh, Softmax& before) {
            const int query0 = work.x + rows.token0, query1 = work.x + rows.token1;
            const std::uint32_t queries = shared.query(query.stage) + group * (64 * 128);
            const std::uint32_t tile = shared.key(keys.stage);
            mbarrier_wait(shared.key_full(keys.stage), keys.round);
            const KeySlots<C::Slots> slots = shared.slots(keys.stage);
            take_turn(group);
            wgmma_fence();
            start_scores(s, queries, tile);
            if (values_too) {
                mbarrier_wait(shared.value_full(values.stage), values.round);
                wgmma_fence();
                start_output(o, probability, shared.value(values.stage));
                give_turn(group);
                wgmma_wait<1>();
            } else {
                give_turn(group);
                wgmma_wait<0>();
            }
            wgmma_hold(s);
            before = softmax;
            if (fresh) softmax = Softmax{};
            if constexpr (F::Capped) p.cap.apply(s);
            hide_invisible<C, F::Windowed>(s, slots, shared.until(keys.stage), query0, query1, p.first_seen);
            warp_arrive(shared.key_empty(keys.stage));
            keys.next();
            softmax.template step<C::Lazy>(s, shrink, p.scale_log2);
            if (values_too) {
                wgmma_wait<0>();
                wgmma_hold(o);
                wgmma_hold(probability);
                warp_arrive(shared.value_empty(values.stage));
                values.next();
            }
        };
        const auto pack_probabilities = [&] {
#pragma unroll
            for (int i = 0; i < N / 4; ++i) probability[i] = pack(s[2 * i], s[2 * i + 1]);
        };
        const auto clear_output = [&] {
#pragma unroll
            for (int i = 0; i < D / 2; ++i) o[i] = 0;
        };
        const auto store = [&](const int4& work, const Softmax& of) {
            store_output<C>(p, rows, work, of, o);
        };
        const auto free_query = [&] {
            warp_arrive(shared.query_empty(query.stage));
            query.next();
        };
        const auto finish_output = [&] {
            mbarrier_wait(shared.value_full(values.stage), values.round);
            wgmma_fence();
            start_output(o, probability, shared.value(values.stage));
            wgmma_wait<0>();
            wgmma_hold(o);
            wgmma_hold(probability);
            warp_arrive(shared.value_empty(values.stage));
            values.next();
        };

        if (group == C::Groups - 1) give_turn(group);
        int4 work = read_work();
        Softmax before;
        while (work.w != 0) {
            clear_output();
            advance(work, false, true, before);
            pack_probabilities();
            int left = work.w;
            while (true) {
                if (--left > 0) {
                    advance(work, true, false, before);
                    if (!C::Lazy || __any_sync(0xffffffffu, shrink[0] != 1.0f || shrink[1] != 1.0f))
#pragma unroll
                        for (int i = 0; i < D / 2; ++i) o[i] *= shrink[i / 2 % 2];
                    pack_probabilities();
                    continue;
                }
                free_query();
                if constexpr (!C::Across) break;
                const int4 next = read_work();
                if (next.w == 0) break;
                // The first scores of the next item, beside the last values of this one.
                advance(next, true, true, before);
                store(work, before);
                clear_output();
                pack_probabilities();
                work = next;
                left = next.w;
            }
            finish_output();
            store(work, softmax);
            work = read_work();
        }
    }
};

}  // namespace wishbone::cuda::sm90::forward
