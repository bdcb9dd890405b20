// Prefix-masked attention, forward, for Hopper (sm_90a): TMA, wgmma, warp specialization. The mathematics is
// that of FlashAttention (arXiv 2205.14135, 2307.08691, 2407.08608), the mask one integer a key (arXiv
// 2410.01359).
//
// A query tile is 64 rows a computing warpgroup: the query heads of one KV head, next to each other in
// memory, times a few tokens, so that short segments waste little. Its keys are gathered from the ranges of
// tokens it sees (forward/tiles.h). Blocks stay on the device and take one item (query tile, KV head)
// after the other. One thread of warpgroup 0 loads; in the others, the scores of the next key tile are
// computed while those of the last are weighted, and warpgroups take turns at the matrix units, so that one
// computes exponentials while another multiplies.

#include <algorithm>
#include <cstring>
#include <vector>

#include "backend/cuda/attention/sm90/forward.h"
#include "backend/cuda/primitives/sm90.cuh"
#include "backend/cuda/require.h"
#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {
namespace {

constexpr int swizzle_width = 64;  ///< bf16 elements of a 128-byte row of a swizzled tile
constexpr int first_turn = 1;      ///< named barriers of the warpgroups' turns
constexpr float log2_e = 1.44269504088896341f;

/// Sizes of one kernel. `Groups` computing warpgroups of 64 query rows; `Keys` of a key tile; the depth of
/// the rings of query and of key and value tiles.
template <int HeadDim, int Groups_, int Keys_, int QueryStages_, int Stages_, bool Turns_, bool Lazy_ = true>
struct Config {
    static constexpr int D = HeadDim, Groups = Groups_, N = Keys_, QueryStages = QueryStages_,
                         Stages = Stages_;
    static constexpr bool Turns = Turns_;
    static constexpr bool Lazy = Lazy_;
    static constexpr bool Across = QueryStages > 1;  ///< items overlap
    static constexpr int Chunks = (D + swizzle_width - 1) / swizzle_width;
    static constexpr int Slots = N / ForwardTiles::slot_keys;
    static_assert(Slots == 2 || Slots == 4);
    static constexpr int Rows = 64 * Groups;
    static constexpr int Threads = 128 * (Groups + 1);
    static constexpr int LoadRegisters = Groups == 2 ? 56 : 32;
    static constexpr int ComputeRegisters = Groups == 2 ? 224 : 160;
    static_assert(Groups == 2 || Groups == 3);

    // Offsets in shared memory.
    static constexpr int QueryBytes = Chunks * Rows * 128;
    static constexpr int KeyBytes = Chunks * N * 128;
    static constexpr int Query = 0;
    static constexpr int Key = Query + QueryStages * QueryBytes;
    static constexpr int Value = Key + Stages * KeyBytes;
    static constexpr int Until = Value + Stages * KeyBytes;  ///< visible_until of the keys of a stage
    static constexpr int Starts = Until + Stages * N * 4;    ///< slots of a stage
    static constexpr int Work = Starts + Stages * 16;        ///< what a query stage holds
    static constexpr int Barriers = Work + QueryStages * 16;
    static constexpr int Bytes = Barriers + 8 * (2 * QueryStages + 4 * Stages);
    static constexpr int Allocated = Bytes + 1024;  ///< room to align the start
    static_assert(Allocated <= 227 * 1024);
};

struct Parameters {
    const ForwardTiles::Item* items;
    const std::int32_t* slots;
    int* counters;  ///< items handed out, blocks that are done
    __nv_bfloat16* out;
    float* lse;
    std::int64_t tokens;
    std::int32_t until_stride, item_count, query_heads, kv_heads, group, tile_tokens;
    float scale, scale_log2;
};

__device__ __forceinline__ std::uint32_t pack(float low, float high) {
    const __nv_bfloat162 both = __floats2bfloat162_rn(low, high);
    return reinterpret_cast<const std::uint32_t&>(both);
}

__device__ __forceinline__ float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/// Over the four lanes that share a row.
__device__ __forceinline__ float quad_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
    return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
}
__device__ __forceinline__ float quad_sum(float x) {
    x += __shfl_xor_sync(0xffffffffu, x, 1);
    return x + __shfl_xor_sync(0xffffffffu, x, 2);
}

/// Lane 4r + c of each four lanes holds word c of four 4-word blocks; afterwards it holds all of block c.
__device__ __forceinline__ void transpose_quad(std::uint32_t (&w)[4]) {
    const bool odd = threadIdx.x & 1, high = threadIdx.x & 2;
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
        const std::uint32_t got = __shfl_xor_sync(0xffffffffu, odd ? w[i] : w[i + 1], 1);
        (odd ? w[i] : w[i + 1]) = got;
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const std::uint32_t got = __shfl_xor_sync(0xffffffffu, high ? w[i] : w[i + 2], 2);
        (high ? w[i] : w[i + 2]) = got;
    }
}

/// The online softmax of one thread's two rows.
struct Softmax {
    /// The raw score that exponents are relative to, near the largest so far; the sum over this thread's
    /// columns.
    float reference[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};

    /// s[4i + 2h + e], of row h, becomes exp(scale · (s - reference)). `shrink` is the factor for what
    /// earlier key tiles left. `Lazy`: the reference stays, and the factor is 1, while no score exceeds it by
    /// more than a factor of 2^8.
    template <bool Lazy, int Size>
    __device__ __forceinline__ void step(float (&s)[Size], float (&shrink)[2], float scale_log2) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            float top[4] = {s[2 * h], s[2 * h + 1], s[4 + 2 * h], s[4 + 2 * h + 1]};
#pragma unroll
            for (int i = 8; i < Size; i += 8) {
                top[0] = fmaxf(top[0], s[i + 2 * h]), top[1] = fmaxf(top[1], s[i + 2 * h + 1]);
                top[2] = fmaxf(top[2], s[i + 4 + 2 * h]), top[3] = fmaxf(top[3], s[i + 5 + 2 * h]);
            }
            float now = fmaxf(reference[h], quad_max(fmaxf(fmaxf(top[0], top[1]), fmaxf(top[2], top[3]))));
            if (Lazy && (now - reference[h]) * scale_log2 <= 8.0f) now = reference[h];
            // A row that has seen only hidden keys so far keeps sums of 0.
            const float offset = now == -INFINITY ? 0.0f : now * scale_log2;
            shrink[h] = exp2_fast(reference[h] * scale_log2 - offset);
            reference[h] = now;
            float add[4] = {0, 0, 0, 0};
#pragma unroll
            for (int i = 0; i < Size; i += 4) {
                s[i + 2 * h] = exp2_fast(s[i + 2 * h] * scale_log2 - offset);
                s[i + 2 * h + 1] = exp2_fast(s[i + 2 * h + 1] * scale_log2 - offset);
                add[i / 4 % 2 * 2] += s[i + 2 * h];
                add[i / 4 % 2 * 2 + 1] += s[i + 2 * h + 1];
            }
            sum[h] = sum[h] * shrink[h] + ((add[0] + add[1]) + (add[2] + add[3]));
        }
    }
};

template <class C>
struct Kernel {
    static constexpr int D = C::D, N = C::N, Stages = C::Stages, QueryStages = C::QueryStages;

    const Parameters& p;
    const std::uint32_t base;  ///< shared-memory address of the tiles, 1024-byte aligned
    std::uint8_t* const shared;

    __device__ std::uint32_t query_full(int stage) const { return base + C::Barriers + 8 * stage; }
    __device__ std::uint32_t query_empty(int stage) const { return query_full(QueryStages + stage); }
    __device__ std::uint32_t key_full(int stage) const { return query_full(2 * QueryStages + stage); }
    __device__ std::uint32_t key_empty(int stage) const { return key_full(Stages + stage); }
    __device__ std::uint32_t value_full(int stage) const { return key_full(2 * Stages + stage); }
    __device__ std::uint32_t value_empty(int stage) const { return key_full(3 * Stages + stage); }

    struct Ring {
        int stage = 0, round = 0;
        __device__ void next(int stages) {
            if (++stage == stages) stage = 0, round ^= 1;
        }
    };

    struct alignas(C::Slots * 4) Starts {
        int at[C::Slots];
        __device__ int place(int i) const { return at[i] >> 2; }
        __device__ bool masked(int i) const { return at[i] & ForwardTiles::masked; }
        __device__ int used() const {
            int slots = 0;
#pragma unroll
            for (int i = 0; i < C::Slots; ++i) slots += place(i) != ForwardTiles::no_key;
            return slots;
        }
        __device__ bool needs_until(int i) const { return masked(i) && place(i) != ForwardTiles::no_key; }
        __device__ int limited() const {
            int slots = 0;
#pragma unroll
            for (int i = 0; i < C::Slots; ++i) slots += needs_until(i);
            return slots;
        }
    };
    __device__ Starts read_starts(int first) const {
        return *reinterpret_cast<const Starts*>(p.slots + first);
    }

    /// Key or value rows of one key tile (`head` says which) to `to`.
    __device__ void load_rows(std::uint32_t to, const CUtensorMap& slot_map, const CUtensorMap& tile_map,
                              const Starts& starts, std::uint32_t barrier, int head) const {
        if (starts.at[0] & ForwardTiles::contiguous) {
#pragma unroll
            for (int d = 0; d < C::Chunks; ++d)
                tma_load_3d(to + d * (N * 128), &tile_map, barrier, d * swizzle_width, head, starts.place(0));
        } else {
#pragma unroll
            for (int i = 0; i < C::Slots; ++i)
                if (starts.place(i) != ForwardTiles::no_key)
#pragma unroll
                    for (int d = 0; d < C::Chunks; ++d)
                        tma_load_3d(to + d * (N * 128) + i * (ForwardTiles::slot_keys * 128), &slot_map,
                                    barrier, d * swizzle_width, head, starts.place(i));
        }
    }

    __device__ void load(const CUtensorMap& query_map, const CUtensorMap& slot_map,
                         const CUtensorMap& tile_map, const CUtensorMap& until_map) {
        const int query_bytes = C::Chunks * p.tile_tokens * p.group * 128;
        Ring query, keys, values;
        const auto load_values = [&](int key_stage, int head) {
            const Starts starts = *reinterpret_cast<const Starts*>(shared + C::Starts + key_stage * 16);
            mbarrier_wait(value_empty(values.stage), values.round ^ 1);
            mbarrier_arrive_expect_tx(value_full(values.stage),
                                      starts.used() * (ForwardTiles::slot_keys * C::Chunks * 128));
            load_rows(base + C::Value + values.stage * C::KeyBytes, slot_map, tile_map, starts,
                      value_full(values.stage), head);
            values.next(Stages);
        };

        // Two items ahead is their number, one ahead what they are.
        int index = atomicAdd(p.counters, 1), next_index = atomicAdd(p.counters, 1);
        ForwardTiles::Item item{}, next_item{};
        Starts starts{};
        if (index < p.item_count) {
            item = p.items[index];
            starts = read_starts(item.first_slot);
        }
        while (index < p.item_count) {
            const bool more = next_index < p.item_count;
            if (more) next_item = p.items[next_index];
            index = next_index;
            next_index = atomicAdd(p.counters, 1);

            mbarrier_wait(query_empty(query.stage), query.round ^ 1);
            *reinterpret_cast<int4*>(shared + C::Work + query.stage * 16) =
                make_int4(item.query_begin, item.query_end, item.kv_head, item.key_tiles);
            mbarrier_arrive_expect_tx(query_full(query.stage), query_bytes);
#pragma unroll
            for (int d = 0; d < C::Chunks; ++d)
                tma_load_3d(base + C::Query + query.stage * C::QueryBytes + d * (C::Rows * 128), &query_map,
                            query_full(query.stage), d * swizzle_width, item.kv_head * p.group,
                            item.query_begin);
            query.next(QueryStages);

            const int key_head = p.query_heads + item.kv_head, value_head = key_head + p.kv_heads;
            int last = 0;
            for (int j = 0; j < item.key_tiles; ++j) {
                const Starts now = starts;
                if (j + 1 < item.key_tiles) starts = read_starts(item.first_slot + (j + 1) * C::Slots);
                mbarrier_wait(key_empty(keys.stage), keys.round ^ 1);
                *reinterpret_cast<Starts*>(shared + C::Starts + keys.stage * 16) = now;
                const std::uint32_t barrier = key_full(keys.stage);
                mbarrier_arrive_expect_tx(barrier, now.used() * (ForwardTiles::slot_keys * C::Chunks * 128) +
                                                       now.limited() * (ForwardTiles::slot_keys * 4));
                load_rows(base + C::Key + keys.stage * C::KeyBytes, slot_map, tile_map, now, barrier,
                          key_head);
#pragma unroll
                for (int i = 0; i < C::Slots; ++i)
                    if (now.needs_until(i))
                        tma_load_1d(base + C::Until + (keys.stage * N + i * ForwardTiles::slot_keys) * 4,
                                    &until_map, barrier,
                                    now.place(i) % 4 * p.until_stride + now.place(i) / 4 * 4);
                // Values are needed one key tile later than keys.
                if (j > 0) load_values(last, value_head);
                last = keys.stage;
                keys.next(Stages);
            }
            item = next_item;
            if (more) starts = read_starts(item.first_slot);
            load_values(last, value_head);
        }
        mbarrier_wait(query_empty(query.stage), query.round ^ 1);
        *reinterpret_cast<int4*>(shared + C::Work + query.stage * 16) = make_int4(0, 0, 0, 0);
        mbarrier_arrive(query_full(query.stage));
        // The last block leaves the counters as it found them.
        if (atomicAdd(p.counters + 1, 1) == static_cast<int>(gridDim.x) - 1)
            p.counters[0] = p.counters[1] = 0;
    }

    __device__ void take_turn(int group) const {
        if constexpr (C::Turns) named_barrier_sync(first_turn + group, 256);
    }
    __device__ void give_turn(int group) const {
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

    /// Scores of invisible pairs become -inf. `query0`, `query1`: tokens of this thread's rows.
    __device__ __forceinline__ void hide(float (&s)[N / 2], const Starts& starts, int stage, int query0,
                                         int query1) const {
        const int c = threadIdx.x & 3;
        const int* const until = reinterpret_cast<const int*>(shared + C::Until) + stage * N;
#pragma unroll
        for (int slot = 0; slot < C::Slots; ++slot) {
            if (!starts.masked(slot)) continue;
            const int key = starts.place(slot) + 2 * c;
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int2 end =
                    *reinterpret_cast<const int2*>(until + slot * ForwardTiles::slot_keys + i * 8 + 2 * c);
                float* const x = s + (slot * 4 + i) * 4;
                const int k = key + i * 8;
                if (k > query0 || end.x <= query0) x[0] = -INFINITY;
                if (k + 1 > query0 || end.y <= query0) x[1] = -INFINITY;
                if (k > query1 || end.x <= query1) x[2] = -INFINITY;
                if (k + 1 > query1 || end.y <= query1) x[3] = -INFINITY;
            }
        }
    }

    /// Writes one row, of which each of four lanes holds two of eight columns.
    __device__ __forceinline__ void store_row(__nv_bfloat16* row, bool valid, const float (&o)[D / 2], int h,
                                              float factor) const {
        const int c = threadIdx.x & 3;
#pragma unroll
        for (int i = 0; i < D / 8; i += 4) {
            std::uint32_t w[4];
#pragma unroll
            for (int m = 0; m < 4; ++m)
                w[m] = pack(o[4 * (i + m) + 2 * h] * factor, o[4 * (i + m) + 2 * h + 1] * factor);
            transpose_quad(w);
            if (valid) *reinterpret_cast<uint4*>(row + 8 * (i + c)) = make_uint4(w[0], w[1], w[2], w[3]);
        }
    }

    __device__ void compute() {
        const int group = __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 128 - 1, 0);
        const int warp = __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 32 % 4, 0);
        const int lane = threadIdx.x % 32;
        const int row0 = group * 64 + warp * 16 + lane / 4, row1 = row0 + 8;
        const int token0 = row0 / p.group, token1 = row1 / p.group;
        const int head0 = row0 % p.group, head1 = row1 % p.group;

        Ring query, keys, values;
        float o[D / 2], s[N / 2], shrink[2];
        std::uint32_t probability[N / 4];
        Softmax softmax;

        const auto read_work = [&] {
            mbarrier_wait(query_full(query.stage), query.round);
            return *reinterpret_cast<const int4*>(shared + C::Work + query.stage * 16);
        };
        // One key tile: its scores, while the probabilities of the one before (if any) are put to use.
        const auto advance = [&](const int4& work, bool values_too, bool fresh, Softmax& before) {
            const int query0 = work.x + token0, query1 = work.x + token1;
            const std::uint32_t rows = base + C::Query + query.stage * C::QueryBytes + group * (64 * 128);
            const std::uint32_t tile = base + C::Key + keys.stage * C::KeyBytes;
            mbarrier_wait(key_full(keys.stage), keys.round);
            const Starts starts = *reinterpret_cast<const Starts*>(shared + C::Starts + keys.stage * 16);
            take_turn(group);
            wgmma_fence();
            start_scores(s, rows, tile);
            if (values_too) {
                mbarrier_wait(value_full(values.stage), values.round);
                wgmma_fence();
                start_output(o, probability, base + C::Value + values.stage * C::KeyBytes);
                give_turn(group);
                wgmma_wait<1>();
            } else {
                give_turn(group);
                wgmma_wait<0>();
            }
            wgmma_hold(s);
            before = softmax;
            if (fresh) softmax = Softmax{};
            hide(s, starts, keys.stage, query0, query1);
            warp_arrive(key_empty(keys.stage));
            keys.next(Stages);
            softmax.template step<C::Lazy>(s, shrink, p.scale_log2);
            if (values_too) {
                wgmma_wait<0>();
                wgmma_hold(o);
                wgmma_hold(probability);
                warp_arrive(value_empty(values.stage));
                values.next(Stages);
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
            const int query0 = work.x + token0, query1 = work.x + token1;
            const bool valid0 = row0 < p.tile_tokens * p.group && query0 < work.y;
            const bool valid1 = row1 < p.tile_tokens * p.group && query1 < work.y;
            const std::int64_t h0 = work.z * p.group + head0, h1 = work.z * p.group + head1;
            const float sum0 = quad_sum(of.sum[0]), sum1 = quad_sum(of.sum[1]);
            if (lane % 4 == 0) {
                if (valid0) p.lse[h0 * p.tokens + query0] = of.reference[0] * p.scale + __logf(sum0);
                if (valid1) p.lse[h1 * p.tokens + query1] = of.reference[1] * p.scale + __logf(sum1);
            }
            store_row(p.out + (std::int64_t(query0) * p.query_heads + h0) * D, valid0, o, 0, 1.0f / sum0);
            store_row(p.out + (std::int64_t(query1) * p.query_heads + h1) * D, valid1, o, 1, 1.0f / sum1);
        };
        const auto free_query = [&] {
            warp_arrive(query_empty(query.stage));
            query.next(QueryStages);
        };
        const auto finish_output = [&] {
            mbarrier_wait(value_full(values.stage), values.round);
            wgmma_fence();
            start_output(o, probability, base + C::Value + values.stage * C::KeyBytes);
            wgmma_wait<0>();
            wgmma_hold(o);
            wgmma_hold(probability);
            warp_arrive(value_empty(values.stage));
            values.next(Stages);
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

template <class C>
__global__ void __launch_bounds__(C::Threads, 1)
    forward_kernel(const __grid_constant__ CUtensorMap query_map,
                   const __grid_constant__ CUtensorMap slot_map, const __grid_constant__ CUtensorMap tile_map,
                   const __grid_constant__ CUtensorMap until_map, const __grid_constant__ Parameters p) {
    extern __shared__ std::uint8_t dynamic[];
    const std::uint32_t at = shared_address(dynamic), base = (at + 1023) / 1024 * 1024;
    std::uint8_t* const shared = dynamic + (base - at);
    Kernel<C> kernel{p, base, shared};

    // Places of a value tile that no load reached yet are multiplied by 0, so they must be numbers.
    for (int i = threadIdx.x; i < C::Stages * C::KeyBytes / 16; i += C::Threads)
        reinterpret_cast<uint4*>(shared + C::Value)[i] = make_uint4(0, 0, 0, 0);
    fence_proxy_async();
    if (threadIdx.x == 0) {
        for (int i = 0; i < C::QueryStages; ++i) {
            mbarrier_init(kernel.query_full(i), 1);
            mbarrier_init(kernel.query_empty(i), 4 * C::Groups * warp_arrivals);
        }
        for (int i = 0; i < C::Stages; ++i) {
            mbarrier_init(kernel.key_full(i), 1);
            mbarrier_init(kernel.value_full(i), 1);
            mbarrier_init(kernel.key_empty(i), 4 * C::Groups * warp_arrivals);
            mbarrier_init(kernel.value_empty(i), 4 * C::Groups * warp_arrivals);
        }
        mbarrier_fence_init();
    }
    __syncthreads();
    if (threadIdx.x < 128) {
        register_dealloc<C::LoadRegisters>();
        if (threadIdx.x == 0) kernel.load(query_map, slot_map, tile_map, until_map);
    } else {
        register_alloc<C::ComputeRegisters>();
        kernel.compute();
    }
}

template <class C>
void launch(const Device& device, cudaStream_t stream, __nv_bfloat16* out, float* lse,
            const __nv_bfloat16* qkv, const Sm90AttentionTiles& tiles, std::int64_t tokens,
            const AttentionShape& shape) {
    const auto query_heads = static_cast<int>(shape.query_heads), kv_heads = static_cast<int>(shape.kv_heads);
    const int group = query_heads / kv_heads, tile_tokens = C::Rows / group;
    require(tiles.query_tile() == tile_tokens, "attention");
    const auto map = [&](int heads, int rows) {
        return encode_tensor_3d(qkv, C::D, static_cast<std::uint64_t>(query_heads + 2 * kv_heads),
                                static_cast<std::uint64_t>(tokens), swizzle_width,
                                static_cast<std::uint32_t>(heads), static_cast<std::uint32_t>(rows));
    };
    const Parameters parameters{.items = tiles.items(),
                                .slots = tiles.slots(),
                                .counters = tiles.counters(),
                                .out = out,
                                .lse = lse,
                                .tokens = tokens,
                                .until_stride = tiles.until_stride(),
                                .item_count = tiles.item_count(),
                                .query_heads = query_heads,
                                .kv_heads = kv_heads,
                                .group = group,
                                .tile_tokens = tile_tokens,
                                .scale = shape.scale,
                                .scale_log2 = shape.scale * log2_e};
    check(cudaFuncSetAttribute(forward_kernel<C>, cudaFuncAttributeMaxDynamicSharedMemorySize, C::Allocated),
          "cudaFuncSetAttribute");
    forward_kernel<C>
        <<<std::min(device.multiprocessors, tiles.item_count()), C::Threads, C::Allocated, stream>>>(
            map(group, tile_tokens), map(1, ForwardTiles::slot_keys), map(1, C::N),
            encode_words(tiles.visible_until(), 4 * static_cast<std::uint64_t>(tiles.until_stride()),
                         ForwardTiles::slot_keys),
            parameters);
    check_launch("attention");
}

// The kernel of each head size.
using Head64 = Config<64, 3, 128, 2, 2, true>;
using Head96 = Config<96, 2, 128, 2, 2, true>;
using Head128 = Config<128, 2, 128, 2, 2, true>;
using Head256 = Config<256, 2, 64, 1, 2, false>;

/// Calls `use` with the configuration of a head size, a value of its type.
template <class Use>
void with_config(std::int64_t head_dim, const Use& use) {
    switch (head_dim) {
        case 64:
            return use(Head64{});
        case 96:
            return use(Head96{});
        case 128:
            return use(Head128{});
        case 256:
            return use(Head256{});
        default:
            require(false, "attention");
    }
}

}  // namespace

bool sm90_attention_forward_supports(AttentionShape shape) {
    const std::int64_t d = shape.head_dim;
    return (d == 64 || d == 96 || d == 128 || d == 256) && shape.kv_heads > 0 && shape.scale > 0 &&
           shape.query_heads % shape.kv_heads == 0 && shape.query_heads / shape.kv_heads <= 128;
}

Sm90AttentionTiles::Sm90AttentionTiles(const Device& /*device*/, cudaStream_t stream,
                                       std::span<const std::int32_t> visible_until, AttentionShape shape)
    : stream_(stream) {
    require(sm90_attention_forward_supports(shape), "prepare_mask");
    with_config(shape.head_dim, [&](auto config) { build(visible_until, shape, config.Rows, config.N); });
}

Sm90AttentionTiles::Sm90AttentionTiles(cudaStream_t stream, std::span<const std::int32_t> visible_until,
                                       AttentionShape shape, std::int32_t query_rows, std::int32_t key_rows)
    : stream_(stream) {
    build(visible_until, shape, query_rows, key_rows);
}

void Sm90AttentionTiles::build(std::span<const std::int32_t> visible_until, const AttentionShape& shape,
                               std::int32_t query_rows, std::int32_t key_rows) {
    const auto group = static_cast<std::int32_t>(shape.query_heads / shape.kv_heads);
    query_tile_ = query_rows / group;
    const ForwardTiles tiles = make_forward_tiles(visible_until, static_cast<std::int32_t>(shape.kv_heads),
                                                  query_tile_, key_rows / ForwardTiles::slot_keys);
    item_count_ = static_cast<std::int32_t>(tiles.items.size());
    if (item_count_ == 0) return;

    // One upload: items, slots, visible_until (four times, the copies shifted by 0 to 3 tokens, so that each
    // slot begins at a multiple of 16 bytes in one; zeros behind), counters. Parts are 16-byte aligned.
    const auto aligned = [](std::size_t bytes) { return (bytes + 15) / 16 * 16; };
    const std::size_t until_bytes = aligned(visible_until.size_bytes()) + ForwardTiles::slot_keys * 4;
    const std::size_t slots_at = aligned(tiles.items.size() * sizeof(tiles.items[0]));
    const std::size_t until_at = slots_at + aligned(tiles.slots.size() * sizeof(tiles.slots[0]));
    const std::size_t counters_at = until_at + 4 * until_bytes;
    std::vector<std::byte> image(counters_at + 16);
    std::memcpy(image.data(), tiles.items.data(), tiles.items.size() * sizeof(tiles.items[0]));
    std::memcpy(image.data() + slots_at, tiles.slots.data(), tiles.slots.size() * sizeof(tiles.slots[0]));
    for (std::size_t shift = 0; shift < std::min<std::size_t>(4, visible_until.size()); ++shift)
        std::memcpy(image.data() + until_at + shift * until_bytes, visible_until.data() + shift,
                    visible_until.size_bytes() - shift * sizeof(std::int32_t));
    until_stride_ = static_cast<std::int32_t>(until_bytes / sizeof(std::int32_t));

    check(cudaMallocAsync(&memory_, image.size(), stream_), "attention tile lists");
    auto* const memory = static_cast<std::byte*>(memory_);
    items_ = reinterpret_cast<const ForwardTiles::Item*>(memory);
    slots_ = reinterpret_cast<const std::int32_t*>(memory + slots_at);
    visible_until_ = reinterpret_cast<const std::int32_t*>(memory + until_at);
    counters_ = reinterpret_cast<std::int32_t*>(memory + counters_at);
    const cudaError_t copied =
        cudaMemcpyAsync(memory_, image.data(), image.size(), cudaMemcpyHostToDevice, stream_);
    if (copied != cudaSuccess) (void)cudaFreeAsync(memory_, stream_);
    check(copied, "upload of attention tile lists");
}

Sm90AttentionTiles::~Sm90AttentionTiles() {
    // Fails only when the process is on its way out and the driver is gone.
    if (memory_ != nullptr) (void)cudaFreeAsync(memory_, stream_);
}

void sm90_attention_forward(const Device& device, cudaStream_t stream, __nv_bfloat16* out, float* lse,
                            const __nv_bfloat16* qkv, const Sm90AttentionTiles& tiles, std::int64_t tokens,
                            AttentionShape shape) {
    require(sm90_attention_forward_supports(shape), "attention");
    if (tokens == 0) return;
    with_config(shape.head_dim, [&](auto config) {
        launch<decltype(config)>(device, stream, out, lse, qkv, tiles, tokens, shape);
    });
}

}  // namespace wishbone::cuda
