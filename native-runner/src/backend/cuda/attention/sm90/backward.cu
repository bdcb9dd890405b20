// Prefix-masked attention, backward, for Hopper (sm_90a): TMA, wgmma, warp specialization. The mathematics is
// that of FlashAttention (arXiv 2205.14135, 2307.08691, 2407.08608), the mask one integer a key (arXiv
// 2410.01359).
//
// Two kernels, neither of which ever adds to what another thread block wrote, so results are the same bits
// every time and no f32 sums lie in device memory:
//
//     query_gradient_kernel, one block = 128 rows of queries, over the keys they see:
//         delta = Σ dO·O,  S = Q K^T,  P = exp(scale S - lse),  dP = dO V^T,  dS = P (dP - delta)
//         dQ += dS K
//     key_gradient_kernel, one item = 128 keys of one KV head, over the query tiles that see them:
//         S^T = K Q^T,  dP^T = V dO^T,  P^T and dS^T from them,  dV += P^T dO,  dK += dS^T Q
//
// S and dP are computed twice, seven products instead of five. One kernel for all five must bring dS through
// shared memory, have its warpgroups meet every step, and add dQ atomically to f32 sums that are cleared
// before and converted after. Measured on an H200 (16,384 tokens, 32/8 heads of size 128, trees 1024+512+512)
// that took 1.87 ms, two kernels of the same make 1.70 ms (and 1.32 ms as they are now, on an H100).
//
// A query tile is M rows: the query heads of the KV head, next to each other in memory, times M / group
// tokens, so that the sum over the group costs nothing and short segments waste little. One warp of warpgroup
// 0 loads, warpgroups 1 and 2 compute and take turns at starting products; all left factors of the sums come
// from registers.

#include <algorithm>
#include <cstring>
#include <vector>

#include "backend/cuda/attention/sm90/backward.h"
#include "backend/cuda/primitives/sm90.cuh"
#include "backend/cuda/require.h"
#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {
namespace {

constexpr int key_tile = 128;    ///< keys of an item of key_gradient_kernel
constexpr int block_rows = 128;  ///< rows of a block of query_gradient_kernel
constexpr int consumer_threads = 256;
constexpr int consumer_arrivals = consumer_threads / 32 * warp_arrivals;
constexpr int threads = 128 + consumer_threads;
constexpr int swizzle_width = 64;  ///< bf16 elements of a 128-byte row of a swizzled tile
constexpr float log2_e = 1.44269504088896341f;

/// The two computing warpgroups take turns at starting products, so that one computes exponentials while the
/// other multiplies. Both take as many: also for steps that they skip.
__device__ __forceinline__ void take_turn(int warpgroup) {
    named_barrier_sync(1 + warpgroup, consumer_threads);
}
__device__ __forceinline__ void give_turn(int warpgroup) {
    named_barrier_arrive(2 - warpgroup, consumer_threads);
}

/// Rows of the query tiles, by head size.
constexpr int query_rows(std::int64_t head_dim) { return head_dim == 64 ? 128 : 64; }
/// Keys of a step of query_gradient_kernel. Head size 64 with steps of 64 keys must not be tried without a
/// look at the machine code: ptxas 13.0 then puts dS into the registers that hold dO for all steps.
constexpr int key_block(std::int64_t head_dim) { return head_dim == 64 ? 128 : 64; }

struct Parameters {
    const BackwardTiles::Item* items;
    const BackwardTiles::Query* queries;
    const BackwardTiles::QueryBlock* query_blocks;
    const BackwardTiles::QueryItem* query_items;
    const BackwardTiles::KeyBlock* key_blocks;
    const std::int32_t* until;
    const float* lse;
    /// [Hkv][query tile][lse · log2(e), delta][M], in the order of the tile's rows; written by the query
    /// pass, read by the key pass. lse is +inf for rows that are none, which makes their probabilities 0;
    /// delta = Σ dO·O.
    float* stats;
    __nv_bfloat16* d_qkv;
    int* next;  ///< item, query item
    std::int32_t item_count, query_item_count, query_tiles;
    std::int32_t tokens, query_heads, kv_heads, group, tile_tokens;
    float scale, scale_log2;
};

__device__ __forceinline__ std::uint32_t pack(float low, float high) {
    const __nv_bfloat162 both = __floats2bfloat162_rn(low, high);
    return reinterpret_cast<const std::uint32_t&>(both);
}
__device__ __forceinline__ float low_half(std::uint32_t both) { return __uint_as_float(both << 16); }
__device__ __forceinline__ float high_half(std::uint32_t both) { return __uint_as_float(both & 0xffff0000u); }

/// Four 8 × 8 matrices of bf16, the address of one row from each lane.
__device__ __forceinline__ void load_matrix(std::uint32_t from, std::uint32_t& a, std::uint32_t& b,
                                            std::uint32_t& c, std::uint32_t& d) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(a), "=r"(b), "=r"(c), "=r"(d)
                 : "r"(from)
                 : "memory");
}

__device__ __forceinline__ float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/// Lane 4r + c of each four lanes holds word c of four 4-word blocks; afterwards it holds all of block c.
__device__ __forceinline__ void transpose_quad(std::uint32_t (&w)[4]) {
    const int lane = threadIdx.x & 3;
    const bool odd = lane & 1, high = lane & 2;
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

/// Writes one of the two rows (Second: the lower one) that a thread holds of 16 rows × 8·Blocks columns of
/// wgmma accumulators, as bf16.
template <bool Second, int Blocks>
__device__ __forceinline__ void store_row(__nv_bfloat16* to, bool valid, const float (&acc)[4 * Blocks],
                                          float factor) {
    static_assert(Blocks % 4 == 0);
    constexpr int at = Second ? 2 : 0;
#pragma unroll
    for (int m = 0; m < Blocks; m += 4) {
        std::uint32_t w[4];
#pragma unroll
        for (int i = 0; i < 4; ++i)
            w[i] = pack(acc[4 * (m + i) + at] * factor, acc[4 * (m + i) + at + 1] * factor);
        transpose_quad(w);
        if (valid)
            *reinterpret_cast<uint4*>(to + 8 * (m + threadIdx.x % 4)) = make_uint4(w[0], w[1], w[2], w[3]);
    }
}

/// Where row `row` of a query tile lies in an array [T, heads, D].
template <int D>
__device__ __forceinline__ std::int64_t row_offset(const BackwardTiles::Query& tile, int row, int group,
                                                   int first_head, int heads) {
    return (std::int64_t(tile.begin + row / group) * heads + first_head + row % group) * D;
}

/// Whether row `row` of a query tile is a query at all.
__device__ __forceinline__ bool is_query(const BackwardTiles::Query& tile, int row, int group) {
    return row < (tile.end - tile.begin) * group;
}

/// Shared memory of key_gradient_kernel.
template <int D, int M, int Stages>
struct KeyLayout {
    static constexpr int key_bytes = key_tile * D * 2;
    static constexpr int row_bytes = M * D * 2;
    static constexpr int stat_bytes = 2 * M * 4;

    static constexpr int key = 0;
    static constexpr int value = key + key_bytes;
    static constexpr int query = value + key_bytes;
    static constexpr int d_out = query + Stages * row_bytes;
    static constexpr int stats = d_out + Stages * row_bytes;
    static constexpr int item = stats + Stages * stat_bytes;
    static constexpr int barriers = item + static_cast<int>(sizeof(BackwardTiles::Item));
    static constexpr int bytes = barriers + 8 * (2 + 3 * Stages);
    static constexpr int allocated = bytes + 1024;  ///< room to align the start
};

template <int D, int M, int Stages>
struct KeyKernel {
    using L = KeyLayout<D, M, Stages>;

    const Parameters& p;
    const std::uint32_t base;  ///< shared-memory address of the tiles, 1024-byte aligned
    std::uint8_t* const shared;

    __device__ std::uint32_t key_full() const { return base + L::barriers; }
    __device__ std::uint32_t key_empty() const { return base + L::barriers + 8; }
    __device__ std::uint32_t query_full(int stage) const { return base + L::barriers + 16 + 8 * stage; }
    __device__ std::uint32_t d_out_full(int stage) const { return query_full(stage + Stages); }
    __device__ std::uint32_t row_empty(int stage) const { return query_full(stage + 2 * Stages); }

    __device__ void load(const CUtensorMap& query_map, const CUtensorMap& d_out_map,
                         const CUtensorMap& key_map, const CUtensorMap& stats_map) {
        const int row_bytes = p.tile_tokens * p.group * D * 2;
        int stage = 0, round = 0;
        int index = atomicAdd(p.next, 1);
        for (int n = 0;; ++n) {
            if (index >= p.item_count) {
                mbarrier_wait(key_empty(), (n & 1) ^ 1);
                *reinterpret_cast<int*>(shared + L::item) = -1;
                mbarrier_arrive(key_full());
                return;
            }
            const BackwardTiles::Item item = p.items[index];
            const int head = item.kv_head * p.group;
            const int stats = (item.kv_head * p.query_tiles + item.first_tile) * 2 * M;
            for (int j = 0; j < item.tiles; ++j) {
                // From the last tile down: all items of a segment and those above it start at the same one.
                const int tile = item.tiles - 1 - j, token = item.query_begin + tile * p.tile_tokens;
                mbarrier_wait(row_empty(stage), round ^ 1);
                mbarrier_arrive_expect_tx(query_full(stage), row_bytes + L::stat_bytes);
#pragma unroll
                for (int d = 0; d < D; d += swizzle_width)
                    tma_load_3d(base + L::query + stage * L::row_bytes + d * M * 2, &query_map,
                                query_full(stage), d, head, token);
                tma_load_1d(base + L::stats + stage * L::stat_bytes, &stats_map, query_full(stage),
                            stats + tile * 2 * M);
                if (j == 0) {
                    // The first queries of an item are loaded while the keys of the one before are in use.
                    mbarrier_wait(key_empty(), (n & 1) ^ 1);
                    *reinterpret_cast<BackwardTiles::Item*>(shared + L::item) = item;
                    mbarrier_arrive_expect_tx(key_full(), 2 * L::key_bytes);
#pragma unroll
                    for (int d = 0; d < D; d += swizzle_width)
                        tma_load_3d(base + L::key + d * key_tile * 2, &key_map, key_full(), d,
                                    p.query_heads + item.kv_head, item.key_begin);
#pragma unroll
                    for (int d = 0; d < D; d += swizzle_width)
                        tma_load_3d(base + L::value + d * key_tile * 2, &key_map, key_full(), d,
                                    p.query_heads + p.kv_heads + item.kv_head, item.key_begin);
                }
                mbarrier_arrive_expect_tx(d_out_full(stage), row_bytes);
#pragma unroll
                for (int d = 0; d < D; d += swizzle_width)
                    tma_load_3d(base + L::d_out + stage * L::row_bytes + d * M * 2, &d_out_map,
                                d_out_full(stage), d, head, token);
                // Not earlier: who has taken an item cannot leave it to a block that is done before.
                if (j == item.tiles - 1) index = atomicAdd(p.next, 1);
                if (++stage == Stages) stage = 0, round ^= 1;
            }
        }
    }

    /// S^T or dP^T of this warpgroup: its 64 rows of `left` [128, D] times `right` [M, D] transposed.
    __device__ void multiply_rows(float (&acc)[M / 2], std::uint32_t left, std::uint32_t right) const {
#pragma unroll
        for (int k = 0; k < D / 16; ++k)
            wgmma_ss<M, 0, 0>(acc, descriptor(left + k / 4 * key_tile * 128 + k % 4 * 32, 0, 1024),
                              descriptor(right + k / 4 * M * 128 + k % 4 * 32, 0, 1024), k > 0);
    }

    /// dV or dK of this warpgroup: += `left` [64, M], in registers, times `right` [M, D].
    __device__ void multiply_add(float (&acc)[D / 2], const std::uint32_t (&left)[M / 4],
                                 std::uint32_t right) const {
#pragma unroll
        for (int k = 0; k < M / 16; ++k)
            wgmma_rs<D, 1>(acc, left[4 * k], left[4 * k + 1], left[4 * k + 2], left[4 * k + 3],
                           descriptor(right + k * 2048, M * 128, 1024), 1);
    }

    __device__ void compute() {
        const int half = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0) - 1;
        const int warp = __shfl_sync(0xffffffffu, threadIdx.x / 32 % 4, 0);
        const int lane = threadIdx.x % 32, c = lane % 4;
        const int row = half * 64 + warp * 16 + lane / 4;  // this thread's keys in the tile: `row`, `row` + 8
        const std::uint32_t keys = base + L::key + half * 64 * 128,
                            values = base + L::value + half * 64 * 128;

        int stage = 0, round = 0;
        const auto pass = [&](int tiles) {
            for (; tiles > 0; --tiles) {
                mbarrier_wait(query_full(stage), round);
                mbarrier_wait(d_out_full(stage), round);
                take_turn(half);
                give_turn(half);
                warp_arrive(row_empty(stage));
                if (++stage == Stages) stage = 0, round ^= 1;
            }
        };
        if (half == 1) give_turn(half);
        for (int n = 0;; ++n) {
            mbarrier_wait(key_full(), n & 1);
            const auto& item = *reinterpret_cast<const BackwardTiles::Item*>(shared + L::item);
            const int kv_head = item.kv_head;
            if (kv_head < 0) return;
            const int key_end = item.key_end, tiles = item.tiles;
            const int key0 = item.key_begin + row, key1 = key0 + 8;
            const int until0 = key0 < key_end ? p.until[key0] : key0;
            const int until1 = key1 < key_end ? p.until[key1] : key1;
            // A query tile that lies in [all_from, all_until) sees all keys of this warp.
            const int all_from = item.key_begin + half * 64 + warp * 16 + 15;
            const int all_until = __reduce_min_sync(0xffffffffu, min(until0, until1));
            // Query tiles that see this half of the keys. The first half is never empty, and seen from the
            // start.
            const int last_until = item.last_until[half];
            int begin = half == 0 ? 0 : (item.key_begin + 64 - item.query_begin) / p.tile_tokens;
            int end = (last_until - item.query_begin + p.tile_tokens - 1) / p.tile_tokens;
            if (last_until == 0) begin = end = 0;
            int first = item.query_begin + (end - 1) * p.tile_tokens;
            pass(tiles - end);

            float dk[D / 2], dv[D / 2];
#pragma unroll
            for (int i = 0; i < D / 2; ++i) dk[i] = dv[i] = 0;
            int previous = -1;
            for (int j = begin; j < end; ++j, first -= p.tile_tokens) {
                const std::uint32_t query = base + L::query + stage * L::row_bytes;
                const std::uint32_t d_out = base + L::d_out + stage * L::row_bytes;
                const float* const stats =
                    reinterpret_cast<const float*>(shared + L::stats + stage * L::stat_bytes);

                float s[M / 2], dp[M / 2];
                mbarrier_wait(query_full(stage), round);
                take_turn(half);
                wgmma_fence();
                multiply_rows(s, keys, query);
                wgmma_commit();
                wgmma_wait<1>();  // dK of the tile before
                if (previous >= 0) warp_arrive(row_empty(previous));
                mbarrier_wait(d_out_full(stage), round);
                wgmma_fence();
                multiply_rows(dp, values, d_out);
                wgmma_commit();
                give_turn(half);

                wgmma_wait<1>();
                wgmma_hold(s);
                if (first < all_from || first + p.tile_tokens > all_until) {
                    // Rows of a query tile are token-major, so those that see a key are contiguous.
                    const int begin0 = max(key0 - first, 0) * p.group,
                              begin1 = max(key1 - first, 0) * p.group;
                    const int end0 = min(until0 - first, p.tile_tokens) * p.group;
                    const int end1 = min(until1 - first, p.tile_tokens) * p.group;
                    const unsigned length0 = max(end0 - begin0, 0), length1 = max(end1 - begin1, 0);
                    const int at0 = 2 * c - begin0, at1 = 2 * c - begin1;
#pragma unroll
                    for (int i = 0; i < M / 8; ++i)
#pragma unroll
                        for (int e = 0; e < 2; ++e) {
                            if (unsigned(at0 + 8 * i + e) >= length0) s[4 * i + e] = -INFINITY;
                            if (unsigned(at1 + 8 * i + e) >= length1) s[4 * i + 2 + e] = -INFINITY;
                        }
                }
                std::uint32_t probability[M / 4];
#pragma unroll
                for (int i = 0; i < M / 8; ++i) {
                    const float2 lse = *reinterpret_cast<const float2*>(stats + 8 * i + 2 * c);
                    probability[2 * i] = pack(exp2_fast(s[4 * i] * p.scale_log2 - lse.x),
                                              exp2_fast(s[4 * i + 1] * p.scale_log2 - lse.y));
                    probability[2 * i + 1] = pack(exp2_fast(s[4 * i + 2] * p.scale_log2 - lse.x),
                                                  exp2_fast(s[4 * i + 3] * p.scale_log2 - lse.y));
                }
                wgmma_fence();
                multiply_add(dv, probability, d_out);
                wgmma_commit();

                wgmma_wait<1>();
                wgmma_hold(dp);
                std::uint32_t ds[M / 4];
#pragma unroll
                for (int i = 0; i < M / 8; ++i) {
                    const float2 delta = *reinterpret_cast<const float2*>(stats + M + 8 * i + 2 * c);
                    // From the rounded probabilities: that leaves the registers of the exact ones free.
                    const std::uint32_t upper = probability[2 * i], lower = probability[2 * i + 1];
                    ds[2 * i] = pack(low_half(upper) * (dp[4 * i] - delta.x),
                                     high_half(upper) * (dp[4 * i + 1] - delta.y));
                    ds[2 * i + 1] = pack(low_half(lower) * (dp[4 * i + 2] - delta.x),
                                         high_half(lower) * (dp[4 * i + 3] - delta.y));
                }
                wgmma_fence();
                multiply_add(dk, ds, query);
                wgmma_commit();
                if constexpr (M == 128) wgmma_wait<0>();  // no registers to go on meanwhile
                previous = stage;
                if (++stage == Stages) stage = 0, round ^= 1;
            }
            wgmma_wait<0>();
            if (previous >= 0) warp_arrive(row_empty(previous));
            warp_arrive(key_empty());
            wgmma_hold(dk);
            wgmma_hold(dv);
            const std::int64_t stride = std::int64_t(p.query_heads + 2 * p.kv_heads) * D;
            __nv_bfloat16* const to = p.d_qkv + key0 * stride + (p.query_heads + kv_head) * D;
            store_row<false, D / 8>(to, key0 < key_end, dk, p.scale);
            store_row<true, D / 8>(to + 8 * stride, key1 < key_end, dk, p.scale);
            store_row<false, D / 8>(to + p.kv_heads * D, key0 < key_end, dv, 1.0f);
            store_row<true, D / 8>(to + p.kv_heads * D + 8 * stride, key1 < key_end, dv, 1.0f);
            pass(begin);
        }
    }
};

template <int D, int M, int Stages>
__global__ void __launch_bounds__(threads, 1)
    key_gradient_kernel(const __grid_constant__ CUtensorMap query_map,
                        const __grid_constant__ CUtensorMap d_out_map,
                        const __grid_constant__ CUtensorMap key_map,
                        const __grid_constant__ CUtensorMap stats_map, const __grid_constant__ Parameters p) {
    using L = KeyLayout<D, M, Stages>;
    extern __shared__ std::uint8_t dynamic[];
    const std::uint32_t at = shared_address(dynamic), base = (at + 1023) / 1024 * 1024;
    std::uint8_t* const shared = dynamic + (base - at);
    KeyKernel<D, M, Stages> kernel{p, base, shared};

    if (threadIdx.x == 0) {
        mbarrier_init(kernel.key_full(), 1);
        mbarrier_init(kernel.key_empty(), consumer_arrivals);
        for (int i = 0; i < Stages; ++i) {
            mbarrier_init(kernel.query_full(i), 1);
            mbarrier_init(kernel.d_out_full(i), 1);
            mbarrier_init(kernel.row_empty(i), consumer_arrivals);
        }
        mbarrier_fence_init();
    }
    if (p.tile_tokens * p.group < M) {
        // Rows that no load reaches must not hold what is no number.
        for (int i = threadIdx.x; i < 2 * Stages * L::row_bytes / 16; i += threads)
            reinterpret_cast<uint4*>(shared + L::query)[i] = make_uint4(0, 0, 0, 0);
        fence_proxy_async();
    }
    __syncthreads();
    if (threadIdx.x < 128) {
        register_dealloc<24>();
        if (threadIdx.x == 0) kernel.load(query_map, d_out_map, key_map, stats_map);
    } else {
        register_alloc<240>();
        kernel.compute();
    }
}

/// What query_gradient_kernel knows of the rows of a block.
template <int M>
struct Rows {
    int first_tile;  ///< -1: there are no more blocks
    int kv_head;
    BackwardTiles::Query tiles[block_rows / M];  ///< empty ones behind the last
    float lse[block_rows];                       ///< · log2(e); +inf for rows that are none
};

/// Shared memory of query_gradient_kernel.
template <int D, int M, int N, int Stages>
struct QueryLayout {
    static constexpr int row_bytes = M * D * 2;
    static constexpr int block_bytes = block_rows * D * 2;
    static constexpr int key_bytes = N * D * 2;

    static constexpr int query = 0;
    static constexpr int d_out = query + block_bytes;
    static constexpr int out = d_out + block_bytes;
    static constexpr int key = out + block_bytes;
    static constexpr int value = key + Stages * key_bytes;
    static constexpr int key_blocks = value + Stages * key_bytes;  ///< BackwardTiles::KeyBlock of each stage
    static constexpr int rows = key_blocks + Stages * static_cast<int>(sizeof(BackwardTiles::KeyBlock));
    static constexpr int barriers = rows + static_cast<int>(sizeof(Rows<M>));
    static constexpr int bytes = barriers + 8 * (2 + 2 * Stages);
    static constexpr int allocated = bytes + 1024;
};

/// N: keys of a step. The queries are the rows of the products here, and stay in registers.
template <int D, int M, int N, int Stages>
struct QueryKernel {
    using L = QueryLayout<D, M, N, Stages>;

    const Parameters& p;
    const std::uint32_t base;
    std::uint8_t* const shared;

    __device__ std::uint32_t rows_full() const { return base + L::barriers; }
    __device__ std::uint32_t rows_empty() const { return base + L::barriers + 8; }
    __device__ std::uint32_t key_full(int stage) const { return base + L::barriers + 16 + 8 * stage; }
    __device__ std::uint32_t key_empty(int stage) const { return key_full(stage + Stages); }
    /// Of the rows in shared memory.
    __device__ Rows<M>& rows() const { return *reinterpret_cast<Rows<M>*>(shared + L::rows); }
    __device__ BackwardTiles::KeyBlock& key_slot(int stage) const {
        return reinterpret_cast<BackwardTiles::KeyBlock*>(shared + L::key_blocks)[stage];
    }

    static constexpr int parts = block_rows / M;

    /// What the loading warp knows of a block; lane l has `lse` of rows l, l + 32, ...
    struct Work {
        int kv_head = 0;
        BackwardTiles::QueryBlock block{-1, 0, 0, 0};
        BackwardTiles::Query tiles[parts]{};
        float lse[block_rows / 32]{};

        __device__ int first() const { return tiles[0].begin; }
        __device__ int end() const { return parts == 1 ? tiles[0].end : max(tiles[0].end, tiles[parts - 1].end); }
    };

    /// The next block to work on; `block.first_tile` -1: there is none. By one whole warp, as what follows.
    __device__ Work take() const {
        Work work;
        const int lane = threadIdx.x;
        int index = lane == 0 ? atomicAdd(p.next + 1, 1) : 0;
        index = __shfl_sync(0xffffffffu, index, 0);
        if (index >= p.query_item_count) return work;
        const BackwardTiles::QueryItem item = p.query_items[index];
        work.kv_head = item.kv_head;
        work.block = p.query_blocks[item.block];
#pragma unroll
        for (int i = 0; i < parts; ++i)
            if (i < work.block.tiles) work.tiles[i] = p.queries[work.block.first_tile + i];
#pragma unroll
        for (int i = 0; i < block_rows / 32; ++i) {
            const int row = (32 * i + lane) % M, head = item.kv_head * p.group + row % p.group;
            const BackwardTiles::Query tile = work.tiles[32 * i / M];
            work.lse[i] = is_query(tile, row, p.group)
                              ? log2_e * p.lse[std::int64_t(head) * p.tokens + tile.begin + row / p.group]
                              : INFINITY;
        }
        return work;
    }

    /// Loads the rows of the n-th block as soon as those before it are taken.
    __device__ void load_rows(const Work& work, int n, const CUtensorMap& query_map, const CUtensorMap& d_out_map,
                              const CUtensorMap& out_map) const {
        const int lane = threadIdx.x;
        mbarrier_wait(rows_empty(), (n & 1) ^ 1);
#pragma unroll
        for (int i = 0; i < block_rows / 32; ++i) rows().lse[32 * i + lane] = work.lse[i];
        __syncwarp();
        if (lane != 0) {
            if (lane < warp_arrivals) mbarrier_arrive(rows_full());
            return;
        }
        rows().first_tile = work.block.first_tile;
        rows().kv_head = work.kv_head;
#pragma unroll
        for (int i = 0; i < parts; ++i) rows().tiles[i] = work.tiles[i];
        const int row_bytes = p.tile_tokens * p.group * D * 2;
        mbarrier_arrive_expect_tx(rows_full(), 3 * work.block.tiles * row_bytes);
        for (int i = 0; i < work.block.tiles; ++i)
#pragma unroll
            for (int d = 0; d < D; d += swizzle_width) {
                const std::uint32_t to = base + i * L::row_bytes + d * M * 2;
                const int token = work.first() + i * p.tile_tokens, head = work.kv_head * p.group;
                tma_load_3d(to + L::query, &query_map, rows_full(), d, head, token);
                tma_load_3d(to + L::d_out, &d_out_map, rows_full(), d, head, token);
                tma_load_3d(to + L::out, &out_map, rows_full(), d, head, token);
            }
    }

    __device__ void load_keys(const BackwardTiles::KeyBlock& keys, int stage, int round, int kv_head,
                              const CUtensorMap& key_map) const {
        mbarrier_wait(key_empty(stage), round ^ 1);
        key_slot(stage) = keys;
        mbarrier_arrive_expect_tx(key_full(stage), 2 * L::key_bytes);
#pragma unroll
        for (int d = 0; d < D; d += swizzle_width) {
            const std::uint32_t to = base + stage * L::key_bytes + d * N * 2;
            tma_load_3d(to + L::key, &key_map, key_full(stage), d, p.query_heads + kv_head, keys.begin);
            tma_load_3d(to + L::value, &key_map, key_full(stage), d, p.query_heads + p.kv_heads + kv_head,
                        keys.begin);
        }
    }

    __device__ void load(const CUtensorMap& query_map, const CUtensorMap& d_out_map,
                         const CUtensorMap& out_map, const CUtensorMap& key_map) {
        const int lane = threadIdx.x;
        int stage = 0, round = 0;
        const auto next_stage = [&] {
            if (++stage == Stages) stage = 0, round ^= 1;
        };
        Work work = take();
        load_rows(work, 0, query_map, d_out_map, out_map);
        for (int n = 1; work.block.first_tile >= 0; ++n) {
            const int first = work.first(), end = work.end(), kv_head = work.kv_head;
            const int key_blocks = work.block.key_blocks;
            const BackwardTiles::KeyBlock* const list = p.key_blocks + work.block.first_key_block;
            // What is next is looked up now and loaded when this block's rows are taken: not when its keys are
            // all under way, which would be too late for so many rows.
            work = take();
            int loaded = 0;
            for (int from = 0; from < key_blocks; from += 32) {
                bool visible = false;
                if (from + lane < key_blocks) {
                    const BackwardTiles::KeyBlock mine = list[from + lane];
                    visible = mine.begin < end && mine.last_until > first;
                }
                for (unsigned seen = __ballot_sync(0xffffffffu, visible); seen != 0; seen &= seen - 1) {
                    if (loaded++ == Stages) load_rows(work, n, query_map, d_out_map, out_map);
                    if (lane == 0) load_keys(list[from + __ffs(seen) - 1], stage, round, kv_head, key_map);
                    next_stage();
                }
            }
            if (loaded <= Stages) load_rows(work, n, query_map, d_out_map, out_map);
            if (lane == 0) {
                mbarrier_wait(key_empty(stage), round ^ 1);
                key_slot(stage).begin = -1;
                mbarrier_arrive(key_full(stage));
            }
            next_stage();
        }
    }

    /// Columns 16·step to 16·step + 15 of 64 rows of `from` [., D] as left factor of wgmma.
    __device__ void load_step(std::uint32_t* rows, std::uint32_t from, int step) const {
        const int row = threadIdx.x / 32 % 4 * 16 + threadIdx.x % 16,
                  block = step % 4 * 2 + threadIdx.x % 32 / 16;
        load_matrix(from + step / 4 * M * 128 + row * 128 + ((block ^ (row & 7)) << 4), rows[0], rows[1],
                    rows[2], rows[3]);
    }

    /// S or dP of this warpgroup: `left` [64, D], in registers, times `right` [N, D] transposed.
    __device__ void multiply_rows(float (&acc)[N / 2], const std::uint32_t (&left)[D / 4],
                                  std::uint32_t right) const {
#pragma unroll
        for (int k = 0; k < D / 16; ++k)
            wgmma_rs<N, 0>(acc, left[4 * k], left[4 * k + 1], left[4 * k + 2], left[4 * k + 3],
                           descriptor(right + k / 4 * N * 128 + k % 4 * 32, 0, 1024), k > 0);
    }

    __device__ void compute() {
        const int half = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0) - 1;
        const int warp = __shfl_sync(0xffffffffu, threadIdx.x / 32 % 4, 0);
        const int lane = threadIdx.x % 32, c = lane % 4;
        constexpr bool one_tile = M == block_rows;
        const int part = one_tile ? 0 : half;  // query tile of the block this warpgroup works on
        const int row = (one_tile ? half * 64 : 0) + warp * 16 + lane / 4;
        const std::uint32_t offset = one_tile ? half * 64 * 128 : half * L::row_bytes;
        int stage = 0, round = 0;
        if (half == 1) give_turn(half);
        for (int n = 0;; ++n) {
            mbarrier_wait(rows_full(), n & 1);
            const int first_tile = rows().first_tile, kv_head = rows().kv_head;
            if (first_tile < 0) return;
            const BackwardTiles::Query tile = rows().tiles[part];
            const bool active = tile.begin < tile.end;
            std::uint32_t query[D / 4], d_out[D / 4];
            const float lse[2] = {rows().lse[part * M + row], rows().lse[part * M + row + 8]};
            float delta[2] = {};
#pragma unroll
            for (int step = 0; step < D / 16; ++step) {
                std::uint32_t out[4];
                load_step(query + 4 * step, base + L::query + offset, step);
                load_step(d_out + 4 * step, base + L::d_out + offset, step);
                load_step(out, base + L::out + offset, step);
#pragma unroll
                for (int i = 0; i < 4; ++i)
                    delta[i % 2] += low_half(d_out[4 * step + i]) * low_half(out[i]) +
                                    high_half(d_out[4 * step + i]) * high_half(out[i]);
            }
            warp_arrive(rows_empty());

            float* const stats =
                p.stats + (std::int64_t(kv_head) * p.query_tiles + first_tile + part) * 2 * M + row;
            int token[2];
#pragma unroll
            for (int k = 0; k < 2; ++k) {
                token[k] = tile.begin + (row + 8 * k) / p.group;
                delta[k] += __shfl_xor_sync(0xffffffffu, delta[k], 1);
                delta[k] += __shfl_xor_sync(0xffffffffu, delta[k], 2);
                if (!is_query(tile, row + 8 * k, p.group)) delta[k] = 0;
                if (active && c == 0) {
                    stats[8 * k] = lse[k];
                    stats[M + 8 * k] = delta[k];
                }
            }
            float dq[D / 2];
#pragma unroll
            for (int i = 0; i < D / 2; ++i) dq[i] = 0;

            int previous = -1;  // stage whose keys the last product may still read
            for (;; ++stage == Stages ? (stage = 0, round ^= 1) : 0) {
                mbarrier_wait(key_full(stage), round);
                const BackwardTiles::KeyBlock block = key_slot(stage);
                const bool end = block.begin < 0;
                if (!end && block.begin < tile.end && block.last_until > tile.begin) {
                    const std::uint32_t keys = base + L::key + stage * L::key_bytes;
                    const std::uint32_t values = base + L::value + stage * L::key_bytes;
                    float s[N / 2], dp[N / 2];
                    take_turn(half);
                    wgmma_fence();
                    multiply_rows(s, query, keys);
                    wgmma_commit();
                    wgmma_wait<1>();  // dQ of the step before
                    if (previous >= 0) warp_arrive(key_empty(previous));
                    multiply_rows(dp, d_out, values);
                    wgmma_commit();
                    give_turn(half);
                    wgmma_wait<1>();
                    wgmma_hold(s);
                    if (block.end - block.begin < N || tile.begin < block.end - 1 ||
                        tile.end > block.least_until) {
#pragma unroll
                        for (int i = 0; i < N / 8; ++i)
#pragma unroll
                            for (int e = 0; e < 2; ++e) {
                                const int key = block.begin + 8 * i + 2 * c + e;
                                const int until = key < block.end ? p.until[key] : 0;
#pragma unroll
                                for (int k = 0; k < 2; ++k)
                                    if (key > token[k] || until <= token[k]) s[4 * i + 2 * k + e] = -INFINITY;
                            }
                    }
#pragma unroll
                    for (int i = 0; i < N / 2; ++i) s[i] = exp2_fast(s[i] * p.scale_log2 - lse[i / 2 % 2]);
                    wgmma_wait<0>();
                    wgmma_hold(dp);
                    std::uint32_t ds[N / 4];
#pragma unroll
                    for (int i = 0; i < N / 4; ++i)
                        ds[i] = pack(s[2 * i] * (dp[2 * i] - delta[i % 2]),
                                     s[2 * i + 1] * (dp[2 * i + 1] - delta[i % 2]));
                    wgmma_fence();
#pragma unroll
                    for (int k = 0; k < N / 16; ++k)
                        wgmma_rs<D, 1>(dq, ds[4 * k], ds[4 * k + 1], ds[4 * k + 2], ds[4 * k + 3],
                                       descriptor(keys + k * 2048, N * 128, 1024), 1);
                    wgmma_commit();
                    if constexpr (N == 128) wgmma_wait<0>();  // no registers to go on meanwhile
                    previous = stage;
                    continue;
                }
                // The end, or keys that only the queries of the other warpgroup see.
                take_turn(half);
                give_turn(half);
                wgmma_wait<0>();
                if (previous >= 0) warp_arrive(key_empty(previous));
                warp_arrive(key_empty(stage));
                previous = -1;
                if (end) break;
            }
            if (++stage == Stages) stage = 0, round ^= 1;
            wgmma_hold(dq);
            const int heads = p.query_heads + 2 * p.kv_heads, head = kv_head * p.group;
            store_row<false, D / 8>(p.d_qkv + row_offset<D>(tile, row, p.group, head, heads),
                                    is_query(tile, row, p.group), dq, p.scale);
            store_row<true, D / 8>(p.d_qkv + row_offset<D>(tile, row + 8, p.group, head, heads),
                                   is_query(tile, row + 8, p.group), dq, p.scale);
        }
    }
};

template <int D, int M, int N, int Stages>
__global__ void __launch_bounds__(threads, 1)
    query_gradient_kernel(const __grid_constant__ CUtensorMap query_map,
                          const __grid_constant__ CUtensorMap d_out_map,
                          const __grid_constant__ CUtensorMap out_map,
                          const __grid_constant__ CUtensorMap key_map, const __grid_constant__ Parameters p) {
    extern __shared__ std::uint8_t dynamic[];
    const std::uint32_t at = shared_address(dynamic), base = (at + 1023) / 1024 * 1024;
    QueryKernel<D, M, N, Stages> kernel{p, base, dynamic + (base - at)};

    if (threadIdx.x == 0) {
        mbarrier_init(kernel.rows_full(), warp_arrivals);
        mbarrier_init(kernel.rows_empty(), consumer_arrivals);
        for (int i = 0; i < Stages; ++i) {
            mbarrier_init(kernel.key_full(i), 1);
            mbarrier_init(kernel.key_empty(i), consumer_arrivals);
        }
        mbarrier_fence_init();
    }
    __syncthreads();
    if (threadIdx.x < 128) {
        register_dealloc<40>();
        if (threadIdx.x < 32) kernel.load(query_map, d_out_map, out_map, key_map);
    } else {
        register_alloc<232>();
        kernel.compute();
    }
}

/// Parts of the workspace, each 256-byte aligned.
struct Workspace {
    std::size_t stats, next, bytes;

    Workspace(const Sm90AttentionBackwardMask& mask, const AttentionShape& shape) {
        const auto rows = static_cast<std::size_t>(mask.query_tiles()) *
                          static_cast<std::size_t>(shape.kv_heads * query_rows(shape.head_dim));
        stats = 0;
        next = (rows * 2 * sizeof(float) + 255) / 256 * 256;
        bytes = next + 256;
    }
};

template <int D, int Stages, int QueryStages>
void launch(const Device& device, cudaStream_t stream, __nv_bfloat16* d_qkv, const __nv_bfloat16* d_out,
            const __nv_bfloat16* out, const float* lse, const __nv_bfloat16* qkv,
            const Sm90AttentionBackwardMask& mask, std::int64_t tokens, const AttentionShape& shape,
            std::byte* workspace) {
    constexpr int M = query_rows(D), N = key_block(D);
    const auto query_heads = static_cast<int>(shape.query_heads), kv_heads = static_cast<int>(shape.kv_heads);
    const int group = query_heads / kv_heads, tile_tokens = M / group, heads = query_heads + 2 * kv_heads;
    const Workspace parts(mask, shape);
    auto* const stats = reinterpret_cast<float*>(workspace + parts.stats);
    auto* const next = reinterpret_cast<int*>(workspace + parts.next);

    const auto length = static_cast<std::uint64_t>(tokens);
    const CUtensorMap query_map = encode_tensor_3d(qkv, D, heads, length, swizzle_width, group, tile_tokens);
    const CUtensorMap tile_map = encode_tensor_3d(qkv, D, heads, length, swizzle_width, 1, key_tile);
    const CUtensorMap block_map = encode_tensor_3d(qkv, D, heads, length, swizzle_width, 1, N);
    const CUtensorMap d_out_map =
        encode_tensor_3d(d_out, D, query_heads, length, swizzle_width, group, tile_tokens);

    const CUtensorMap stats_map =
        encode_words(stats, static_cast<std::uint64_t>(mask.query_tiles()) * kv_heads * 2 * M, 2 * M);
    const CUtensorMap out_map =
        encode_tensor_3d(out, D, query_heads, length, swizzle_width, group, tile_tokens);

    check(cudaMemsetAsync(next, 0, 2 * sizeof(int), stream), "attention backward, counters");
    const Parameters parameters{.items = mask.item_list(),
                                .queries = mask.query_list(),
                                .query_blocks = mask.query_block_list(),
                                .query_items = mask.query_item_list(),
                                .key_blocks = mask.key_block_list(),
                                .until = mask.visible_until(),
                                .lse = lse,
                                .stats = stats,
                                .d_qkv = d_qkv,
                                .next = next,
                                .item_count = mask.items(),
                                .query_item_count = mask.query_items(),
                                .query_tiles = mask.query_tiles(),
                                .tokens = static_cast<std::int32_t>(tokens),
                                .query_heads = query_heads,
                                .kv_heads = kv_heads,
                                .group = group,
                                .tile_tokens = tile_tokens,
                                .scale = shape.scale,
                                .scale_log2 = shape.scale * log2_e};
    const auto run = [&](auto kernel, int shared_bytes, int work, auto... arguments) {
        check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes),
              "cudaFuncSetAttribute");
        kernel<<<std::min(device.multiprocessors, work), threads, shared_bytes, stream>>>(arguments...);
        check_launch("attention backward");
    };
    run(query_gradient_kernel<D, M, N, QueryStages>, QueryLayout<D, M, N, QueryStages>::allocated,
        mask.query_items(), query_map, d_out_map, out_map, block_map, parameters);
    run(key_gradient_kernel<D, M, Stages>, KeyLayout<D, M, Stages>::allocated, mask.items(), query_map,
        d_out_map, tile_map, stats_map, parameters);
}

}  // namespace

bool sm90_attention_backward_supports(AttentionShape shape) {
    return (shape.head_dim == 64 || shape.head_dim == 128) && shape.kv_heads > 0 &&
           shape.query_heads % shape.kv_heads == 0 && shape.query_heads / shape.kv_heads <= 64;
}

Sm90AttentionBackwardMask::Sm90AttentionBackwardMask(cudaStream_t stream,
                                                     std::span<const std::int32_t> visible_until,
                                                     AttentionShape shape)
    : stream_(stream) {
    require(sm90_attention_backward_supports(shape), "prepare_mask");
    const auto group = static_cast<std::int32_t>(shape.query_heads / shape.kv_heads);
    int device = 0, processors = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device),
          "cudaDeviceGetAttribute");
    const int rows = query_rows(shape.head_dim);
    const BackwardTiles tiles = make_backward_tiles(visible_until, static_cast<std::int32_t>(shape.kv_heads),
                                                    {.query_tile = rows / group,
                                                     .key_tile = key_tile,
                                                     .key_block = key_block(shape.head_dim),
                                                     .block_tiles = block_rows / rows},
                                                    processors);
    query_tiles_ = static_cast<std::int32_t>(tiles.queries.size());
    items_ = static_cast<std::int32_t>(tiles.items.size());
    query_items_ = static_cast<std::int32_t>(tiles.query_items.size());

    std::vector<std::byte> image;
    const auto append = [&image](const void* from, std::size_t bytes) {
        const std::size_t at = (image.size() + 15) / 16 * 16;
        image.resize(at + bytes);
        if (bytes > 0) std::memcpy(image.data() + at, from, bytes);
        return at;
    };
    const std::size_t items = append(tiles.items.data(), tiles.items.size() * sizeof(tiles.items[0]));
    const std::size_t queries = append(tiles.queries.data(), tiles.queries.size() * sizeof(tiles.queries[0]));
    const std::size_t key_blocks =
        append(tiles.key_blocks.data(), tiles.key_blocks.size() * sizeof(tiles.key_blocks[0]));
    const std::size_t query_blocks =
        append(tiles.query_blocks.data(), tiles.query_blocks.size() * sizeof(tiles.query_blocks[0]));
    const std::size_t query_items =
        append(tiles.query_items.data(), tiles.query_items.size() * sizeof(tiles.query_items[0]));
    const std::size_t until = append(visible_until.data(), visible_until.size_bytes());
    if (image.empty()) return;
    check(cudaMallocAsync(&memory_, image.size(), stream), "attention tile lists");
    const auto* const memory = static_cast<const std::byte*>(memory_);
    item_list_ = reinterpret_cast<const BackwardTiles::Item*>(memory + items);
    query_list_ = reinterpret_cast<const BackwardTiles::Query*>(memory + queries);
    key_block_list_ = reinterpret_cast<const BackwardTiles::KeyBlock*>(memory + key_blocks);
    query_block_list_ = reinterpret_cast<const BackwardTiles::QueryBlock*>(memory + query_blocks);
    query_item_list_ = reinterpret_cast<const BackwardTiles::QueryItem*>(memory + query_items);
    until_ = reinterpret_cast<const std::int32_t*>(memory + until);
    const cudaError_t copied =
        cudaMemcpyAsync(memory_, image.data(), image.size(), cudaMemcpyHostToDevice, stream);
    if (copied != cudaSuccess) (void)cudaFreeAsync(memory_, stream);
    check(copied, "upload of attention tile lists");
}

Sm90AttentionBackwardMask::~Sm90AttentionBackwardMask() {
    // Fails only when the process is on its way out and the driver is gone.
    if (memory_ != nullptr) (void)cudaFreeAsync(memory_, stream_);
}

std::size_t sm90_attention_backward_workspace(const Sm90AttentionBackwardMask& mask, AttentionShape shape,
                                              bool /*deterministic*/) {
    return Workspace(mask, shape).bytes;
}

void sm90_attention_backward(const Device& device, cudaStream_t stream, __nv_bfloat16* d_qkv,
                             const __nv_bfloat16* d_out, const __nv_bfloat16* out, const float* lse,
                             const __nv_bfloat16* qkv, const Sm90AttentionBackwardMask& mask,
                             std::int64_t tokens, AttentionShape shape, void* workspace,
                             bool /*deterministic*/) {
    require(sm90_attention_backward_supports(shape), "attention_backward");
    if (tokens == 0) return;
    const auto run = shape.head_dim == 64 ? launch<64, 3, 3> : launch<128, 3, 3>;
    run(device, stream, d_qkv, d_out, out, lse, qkv, mask, tokens, shape, static_cast<std::byte*>(workspace));
}

}  // namespace wishbone::cuda
