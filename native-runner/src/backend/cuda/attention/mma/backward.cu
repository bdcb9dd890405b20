// Prefix-masked attention, backward (arXiv 2205.14135, 2307.08691) on mma.sync, in three kernels without
// atomic additions, so that the same inputs always give the same bits:
//   1. row statistics: the log-sum-exp in base 2, and sum(d_out · out), side by side;
//   2. gradients of keys and values: a block per key tile goes through the rows that see it, which lie one
//      after the other. Rows of the score matrix are keys here: a warp owns 16 keys, and what it computes
//      stays in its registers from the scores to the sums;
//   3. gradients of queries: a block per row tile goes through its keys, as in the forward pass.
// Scores are computed in both 2 and 3: two products more than with atomic additions, and nothing to exchange.

#include <cmath>

#include "backend/cuda/attention/mma/attention.h"
#include "backend/cuda/attention/mma/key_list.cuh"
#include "backend/cuda/primitives/mma.cuh"
#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {
namespace {

using namespace mma;

constexpr float log2_e = 1.4426950408889634f;

struct Statistics {
    float lse_log2;  ///< log-sum-exp of the row's scores, base 2
    float delta;     ///< sum of d_out · out
};

struct Arguments {
    __nv_bfloat16* d_qkv;
    const __nv_bfloat16* d_out;
    const __nv_bfloat16* out;
    const float* lse;
    const __nv_bfloat16* qkv;
    Statistics* statistics;  ///< [Hkv, T·group]
    const int* visible_until;
    const KeyRun* runs;
    const QueryTile* query_tiles;
    const KeyTile* key_tiles;
    Divider group;
    int tokens, query_heads, kv_heads;
    float scale, scale_log2;
    Extension extension;
};

// ---- 1. row statistics ----

constexpr int statistics_threads = 256;

template <int head_dim>
__global__ void __launch_bounds__(statistics_threads) statistics_kernel(const Arguments a) {
    constexpr int lanes = head_dim % 64 == 0 ? 8 : 4;  // of a row
    const int rows = a.tokens * a.group.divisor();
    const int row =
        static_cast<int>(blockIdx.x) * (statistics_threads / lanes) + static_cast<int>(threadIdx.x) / lanes;
    const PackedRows packed{a.group, static_cast<int>(blockIdx.y), a.tokens};
    float sum = 0;
    if (row < rows) {
        const std::int64_t offset = packed.offset(row, a.query_heads, head_dim) + threadIdx.x % lanes * 8;
#pragma unroll
        for (int i = 0; i < head_dim / 8 / lanes; ++i) {
            const uint4 x = *reinterpret_cast<const uint4*>(a.out + offset + i * lanes * 8);
            const uint4 y = *reinterpret_cast<const uint4*>(a.d_out + offset + i * lanes * 8);
            const std::uint32_t u[4] = {x.x, x.y, x.z, x.w}, v[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
            for (int j = 0; j < 4; ++j) {  // a bf16 is the upper half of a float
                sum += __uint_as_float(u[j] << 16) * __uint_as_float(v[j] << 16);
                sum += __uint_as_float(u[j] & 0xffff0000u) * __uint_as_float(v[j] & 0xffff0000u);
            }
        }
    }
#pragma unroll
    for (int step = 1; step < lanes; step *= 2) sum += __shfl_xor_sync(~0u, sum, step);
    if (row < rows && threadIdx.x % lanes == 0)
        a.statistics[static_cast<std::int64_t>(packed.kv_head) * rows + row] = {
            a.lse[packed.statistic(row)] * log2_e, sum};
}

// ---- 2. gradients of keys and values ----

template <int head_dim>
struct KeySizes {
    static constexpr int columns = mma_tile_sizes(head_dim).keys;  ///< keys of a block
    /// A warp's keys, in blocks of 16. More of them let a warp use what it loads of the rows more often.
    static constexpr int blocks = 1;
    /// Warps that share their keys, each summing up a part of the head's elements: registers hold no more.
    static constexpr int parts = head_dim > 128 ? 2 : 1;
    static constexpr int warps = columns / 16 / blocks * parts, threads = 32 * warps;
    static constexpr int part_dim = head_dim / parts;
    static constexpr int rows = head_dim > 128 ? 32 : 64;  ///< query rows of a round
    static constexpr int stages = head_dim > 128 ? 1 : 2;
    static constexpr int chunks = rows / 16 / blocks;  ///< of 16 rows, worked on at a time
    static constexpr int key_bytes = columns * head_dim * 2, row_bytes = rows * head_dim * 2;
    static constexpr int rows_at = 2 * key_bytes, statistics_at = rows_at + stages * 2 * row_bytes,
                         tokens_at = statistics_at + stages * rows * 8, oldest_at = tokens_at + stages * rows * 4,
                         shared_bytes = oldest_at, extended_bytes = oldest_at + stages * rows * 4;
};

/// `Extended`: with a window or a cap.
template <int head_dim, bool Extended>
__global__ void __launch_bounds__(KeySizes<head_dim>::threads, head_dim > 128 ? 1 : 2)
    key_kernel(const Arguments a) {
    using S = KeySizes<head_dim>;
    using Matrix = SharedMatrix<head_dim>;
    extern __shared__ __align__(1024) unsigned char shared[];
    const std::uint32_t keys = shared_address(shared), values = keys + S::key_bytes;
    const auto queries_of = [&](int stage) { return keys + S::rows_at + stage * 2 * S::row_bytes; };
    const auto d_outs_of = [&](int stage) { return queries_of(stage) + S::row_bytes; };
    const auto statistics_of = [&](int stage) {
        return reinterpret_cast<Statistics*>(shared + S::statistics_at) + stage * S::rows;
    };
    const auto tokens_of = [&](int stage) {
        return reinterpret_cast<int*>(shared + S::tokens_at) + stage * S::rows;
    };
    const auto oldest_of = [&](int stage) {
        return reinterpret_cast<int*>(shared + S::oldest_at) + stage * S::rows;
    };

    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32 / S::parts,
              part = thread / 32 % S::parts;
    const int item = static_cast<int>(blockIdx.x) / a.kv_heads;
    const PackedRows packed{a.group, static_cast<int>(blockIdx.x) - item * a.kv_heads, a.tokens};
    const KeyTile tile = a.key_tiles[item];
    const int heads = a.query_heads + 2 * a.kv_heads, row_size = heads * head_dim;
    const int all_rows = a.tokens * a.group.divisor(), row_end = tile.query_end * a.group.divisor();
    const Statistics* const statistics = a.statistics + static_cast<std::int64_t>(packed.kv_head) * all_rows;
    const std::int64_t key_offset = (a.query_heads + packed.kv_head) * head_dim,
                       value_offset = key_offset + a.kv_heads * head_dim;
    const TileCopier<head_dim, S::threads> copier(thread);

    const auto copy_keys = [&](std::uint32_t to, std::int64_t offset) {
        copier.template copy<S::columns>(to, a.qkv, [&](int place) {
            const int token = tile.key_begin + place;
            return token < a.tokens ? a.qkv + offset + static_cast<std::int64_t>(token) * row_size : nullptr;
        });
    };
    const auto copy_rows = [&](int row, int stage) {
        copier.template copy<S::rows>(queries_of(stage), a.qkv, [&](int r) {
            return row + r < all_rows ? a.qkv + packed.offset(row + r, heads, head_dim) : nullptr;
        });
        copier.template copy<S::rows>(d_outs_of(stage), a.d_out, [&](int r) {
            return row + r < all_rows ? a.d_out + packed.offset(row + r, a.query_heads, head_dim) : nullptr;
        });
        if (thread < S::rows) {
            const bool valid = row + thread < all_rows;
            copy_async_8(shared_address(statistics_of(stage) + thread),
                         statistics + (valid ? row + thread : 0), valid);
            tokens_of(stage)[thread] = valid ? packed.token(row + thread) : INT_MAX;
            if (Extended)
                oldest_of(stage)[thread] = valid ? a.extension.oldest(packed.token(row + thread)) : INT_MAX;
        }
        commit_copies();
    };

    int row = tile.key_begin * a.group.divisor();
    copy_keys(keys, key_offset);
    copy_keys(values, value_offset);
    copy_rows(row, 0);

    // This lane's keys, 8 apart, and what the whole warp's have in common.
    const int warp_key = tile.key_begin + warp * 16 * S::blocks;
    const int warp_key_end = min(warp_key + 16 * S::blocks, a.tokens);
    Key key[2 * S::blocks];
    int least_end = INT_MAX, last_end = 0;
#pragma unroll
    for (int i = 0; i < 2 * S::blocks; ++i) {
        const int token = warp_key + 8 * i + lane / 4;
        key[i] = Key::none();
        if (token < a.tokens) {
            key[i] = {token, a.visible_until[token]};
            least_end = min(least_end, key[i].end);
            last_end = max(last_end, key[i].end);
        }
    }
    least_end = __reduce_min_sync(~0u, least_end);
    last_end = __reduce_max_sync(~0u, last_end);

    float d_key[S::blocks][S::part_dim / 8][4] = {}, d_value[S::blocks][S::part_dim / 8][4] = {};
    const std::uint32_t key_lane = keys + Matrix::rows_first(lane, warp * 16 * S::blocks),
                        value_lane = values + Matrix::rows_first(lane, warp * 16 * S::blocks);
    const std::uint32_t rows_first = Matrix::rows_first(lane), columns_first = Matrix::columns_first(lane);

    // Rows `first_row` on of a stage, 16 · chunks of them.
    const auto work_on_rows = [&](auto masked_tile, int stage, int first_row, unsigned seen) {
        constexpr bool masked = decltype(masked_tile)::value;
        using Scores = float[S::blocks][2 * S::chunks][4];  // a row for each key, a column for each query row
        const std::uint32_t queries = queries_of(stage) + first_row * Matrix::row_bytes,
                            d_outs = d_outs_of(stage) + first_row * Matrix::row_bytes;
        const auto product = [&](Scores& to, std::uint32_t left, std::uint32_t right) {
#pragma unroll
            for (int k = 0; k < head_dim / 16; ++k) {
                std::uint32_t x[S::blocks][4];
#pragma unroll
                for (int b = 0; b < S::blocks; ++b)
                    load_matrices(x[b], Matrix::step(left + b * 16 * Matrix::row_bytes, k));
#pragma unroll
                for (int c = 0; c < S::chunks; ++c) {
                    if (masked && (seen >> c & 1) == 0) continue;
                    std::uint32_t y[4];
                    load_matrices(y, Matrix::step(right + columns_first + c * 16 * Matrix::row_bytes, k));
#pragma unroll
                    for (int b = 0; b < S::blocks; ++b) {
                        multiply(to[b][2 * c], x[b], y[0], y[1]);
                        multiply(to[b][2 * c + 1], x[b], y[2], y[3]);
                    }
                }
            }
        };
        const auto add = [&](float (&to)[S::blocks][S::part_dim / 8][4], const Scores& left,
                             std::uint32_t right) {
#pragma unroll
            for (int c = 0; c < S::chunks; ++c) {
                if (masked && (seen >> c & 1) == 0) continue;
                std::uint32_t x[S::blocks][4];
#pragma unroll
                for (int b = 0; b < S::blocks; ++b) pack_factor(x[b], left[b][2 * c], left[b][2 * c + 1]);
#pragma unroll
                for (int d = 0; d < S::part_dim / 16; ++d) {
                    std::uint32_t y[4];
                    load_matrices_transposed(
                        y, Matrix::step(right + rows_first + c * 16 * Matrix::row_bytes, d) +
                               part * S::part_dim * 2);
#pragma unroll
                    for (int b = 0; b < S::blocks; ++b) {
                        multiply(to[b][2 * d], x[b], y[0], y[1]);
                        multiply(to[b][2 * d + 1], x[b], y[2], y[3]);
                    }
                }
            }
        };

        Scores p = {};
        float slope[Extended ? S::blocks : 1][Extended ? 2 * S::chunks : 1][4];  // of capped scores
        product(p, key_lane, queries);
        const int lane_row =
            first_row + 2 * (lane % 4);  // this lane's columns are rows lane_row + 8 c and the next
#pragma unroll
        for (int c = 0; c < 2 * S::chunks; ++c) {
            const float4 two = *reinterpret_cast<const float4*>(statistics_of(stage) + lane_row + 8 * c);
            const float lse[2] = {two.x, two.z};
            int token[2] = {}, oldest[2] = {};
            if (masked) {
                const int2 pair = *reinterpret_cast<const int2*>(tokens_of(stage) + lane_row + 8 * c);
                token[0] = pair.x;
                token[1] = pair.y;
                if (Extended) {
                    const int2 seen = *reinterpret_cast<const int2*>(oldest_of(stage) + lane_row + 8 * c);
                    oldest[0] = seen.x;
                    oldest[1] = seen.y;
                }
            }
#pragma unroll
            for (int b = 0; b < S::blocks; ++b) {
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    if (Extended && a.extension.capped()) {
                        const float tangent = a.extension.tangent(p[b][c][i]);
                        slope[Extended ? b : 0][Extended ? c : 0][i] = 1 - tangent * tangent;
                        p[b][c][i] = a.extension.outward * tangent;
                    }
                    p[b][c][i] = exp2(p[b][c][i] * a.scale_log2 - lse[i % 2]);
                    if (masked && (!key[2 * b + i / 2].visible(token[i % 2]) ||
                                   (Extended && key[2 * b + i / 2].begin < oldest[i % 2])))
                        p[b][c][i] = 0;
                }
            }
        }
        add(d_value, p, d_outs);
        Scores ds = {};
        product(ds, value_lane, d_outs);
#pragma unroll
        for (int c = 0; c < 2 * S::chunks; ++c) {
            const float4 two = *reinterpret_cast<const float4*>(statistics_of(stage) + lane_row + 8 * c);
            const float delta[2] = {two.y, two.w};
#pragma unroll
            for (int b = 0; b < S::blocks; ++b)
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    ds[b][c][i] = p[b][c][i] * (ds[b][c][i] - delta[i % 2]);
                    if (Extended && a.extension.capped())
                        ds[b][c][i] *= slope[Extended ? b : 0][Extended ? c : 0][i];
                }
        }
        add(d_key, ds, queries);
    };

    for (int stage = 0; row < row_end; row += S::rows) {
        wait_for_copies<0>();
        __syncthreads();
        if (S::stages == 2 && row + S::rows < row_end) copy_rows(row + S::rows, stage ^ 1);
#pragma unroll 1
        for (int r = 0; r < S::rows; r += 16 * S::chunks) {
            const int first = packed.token(row + r),
                      last = packed.token(min(row + r + 16 * S::chunks, all_rows) - 1);
            // Whether the window of no row, and of every row, ends before this warp's keys.
            bool all_in = true, none_in = false;
            if (Extended && a.extension.first_seen != nullptr) {
                int newest = 0, oldest = INT_MAX;
                for (int i = lane; i < 16 * S::chunks; i += 32) {
                    newest = max(newest, oldest_of(stage)[r + i]);
                    oldest = min(oldest, oldest_of(stage)[r + i]);
                }
                all_in = __reduce_max_sync(~0u, newest) <= warp_key;
                none_in = __reduce_min_sync(~0u, oldest) >= warp_key_end;
            }
            if (none_in) continue;
            if (first >= warp_key_end - 1 && last < least_end && all_in) {
                work_on_rows(std::false_type{}, stage, r, ~0u);
            } else if (last >= warp_key && first < last_end) {
                unsigned seen = 0;
#pragma unroll
                for (int c = 0; c < S::chunks; ++c)
                    if (packed.token(row + r + 16 * c + 15) >= warp_key &&
                        packed.token(row + r + 16 * c) < last_end)
                        seen |= 1u << c;
                work_on_rows(std::true_type{}, stage, r, seen);
            }
        }
        if (S::stages == 2) {
            stage ^= 1;
        } else if (row + S::rows < row_end) {
            __syncthreads();
            copy_rows(row + S::rows, stage);
        }
    }

    // To shared memory where the keys and values were, and from there in whole chunks.
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 2 * S::blocks; ++i) {
        const int r = warp * 16 * S::blocks + 8 * i + lane / 4;
#pragma unroll
        for (int d = 0; d < S::part_dim / 8; ++d) {
            const std::uint32_t offset = Matrix::offset(r, part * (S::part_dim / 8) + d) + 4 * (lane % 4);
            const float (&key_sum)[4] = d_key[i / 2][d], (&value_sum)[4] = d_value[i / 2][d];
            *reinterpret_cast<std::uint32_t*>(shared + offset) =
                pack(key_sum[i % 2 * 2] * a.scale, key_sum[i % 2 * 2 + 1] * a.scale);
            *reinterpret_cast<std::uint32_t*>(shared + S::key_bytes + offset) =
                pack(value_sum[i % 2 * 2], value_sum[i % 2 * 2 + 1]);
        }
    }
    __syncthreads();
    for (int i = thread; i < S::columns * Matrix::row_chunks; i += S::threads) {
        const int r = i / Matrix::row_chunks, chunk = i % Matrix::row_chunks;
        if (tile.key_begin + r >= a.tokens) break;
        __nv_bfloat16* const to =
            a.d_qkv + static_cast<std::int64_t>(tile.key_begin + r) * row_size + chunk * 8;
        const unsigned char* const from = shared + Matrix::offset(r, chunk);
        *reinterpret_cast<uint4*>(to + key_offset) = *reinterpret_cast<const uint4*>(from);
        *reinterpret_cast<uint4*>(to + value_offset) = *reinterpret_cast<const uint4*>(from + S::key_bytes);
    }
}

// ---- 3. gradients of queries ----

template <int head_dim>
struct QuerySizes {
    static constexpr int warps = 4, threads = 32 * warps;
    static constexpr int rows = mma_tile_sizes(head_dim).rows;
    static constexpr int columns = 32;  ///< keys of a round
    static constexpr int stages = head_dim > 128 ? 1 : 2;
    static constexpr int slots = 4;                     ///< rounds whose key numbers are at hand
    static constexpr int blocks = rows / (16 * warps);  ///< of 16 rows, a warp
    static constexpr int chunks = columns / 16;
    static constexpr int row_bytes = rows * head_dim * 2, key_bytes = columns * head_dim * 2;
    static constexpr int keys_at = 2 * row_bytes, slots_at = keys_at + stages * 2 * key_bytes,
                         shared_bytes = slots_at + slots * columns * static_cast<int>(sizeof(Key));
};

template <int head_dim, bool Extended>
__global__ void __launch_bounds__(QuerySizes<head_dim>::threads, 2) query_kernel(const Arguments a) {
    using S = QuerySizes<head_dim>;
    using Matrix = SharedMatrix<head_dim>;
    extern __shared__ __align__(1024) unsigned char shared[];
    const std::uint32_t queries = shared_address(shared), d_outs = queries + S::row_bytes;
    const auto keys_of = [&](int j) {
        return queries + S::keys_at + (S::stages == 2 ? (j & 1) * 2 * S::key_bytes : 0);
    };
    const auto slot_of = [&](int j) {
        return reinterpret_cast<Key*>(shared + S::slots_at) + (j & (S::slots - 1)) * S::columns;
    };

    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
    const int item = static_cast<int>(blockIdx.x) / a.kv_heads;
    const PackedRows packed{a.group, static_cast<int>(blockIdx.x) - item * a.kv_heads, a.tokens};
    const QueryTile tile = a.query_tiles[item];
    const int heads = a.query_heads + 2 * a.kv_heads, row_size = heads * head_dim;
    const int all_rows = a.tokens * a.group.divisor(), last_row = min(tile.row_begin + S::rows, all_rows) - 1;
    KeyList list(tile, packed.token(tile.row_begin), packed.token(last_row), a.runs);
    const TileCopier<head_dim, S::threads> copier(thread);

    // Rows behind the last one repeat it and are not stored.
    const auto row_of = [&](int r) { return min(tile.row_begin + r, last_row); };
    copier.template copy<S::rows>(queries, a.qkv,
                                  [&](int r) { return a.qkv + packed.offset(row_of(r), heads, head_dim); });
    copier.template copy<S::rows>(
        d_outs, a.d_out, [&](int r) { return a.d_out + packed.offset(row_of(r), a.query_heads, head_dim); });
    const __nv_bfloat16* const key_base = a.qkv + (a.query_heads + packed.kv_head) * head_dim;
    const int value_distance = a.kv_heads * head_dim;
    const auto gather = [&](int j) {
        const Key* const from = slot_of(j);
        const std::uint32_t keys = keys_of(j);
        copier.template copy<S::columns>(keys, a.qkv, [&](int place) {
            const int token = from[place].begin;
            return token == INT_MAX ? nullptr : key_base + static_cast<std::int64_t>(token) * row_size;
        });
        copier.template copy<S::columns>(keys + S::key_bytes, a.qkv, [&](int place) {
            const int token = from[place].begin;
            return token == INT_MAX ? nullptr
                                    : key_base + value_distance + static_cast<std::int64_t>(token) * row_size;
        });
        commit_copies();
    };

    const QueryWindow window =
        Extended && a.extension.windows != nullptr ? a.extension.windows[item] : QueryWindow{0, 0};
    const int lowest = Extended ? window.first / S::columns : 0;
    int j = (list.size() - 1) / S::columns;
    if (thread < S::columns) {
        slot_of(j)[thread].begin = list.at(j * S::columns + thread);
        slot_of(j - 1)[thread].begin = j > 0 ? list.at((j - 1) * S::columns + thread) : INT_MAX;
    }
    __syncthreads();
    gather(j);
    if (thread < S::columns)
        for (int i = 0; i < 2; ++i)
            slot_of(j - i)[thread].end = Key::of(slot_of(j - i)[thread].begin, a.visible_until).end;

    // This lane's rows: warp_row + 16 b + 8 h, at [2 b + h].
    const int warp_row = warp * 16 * S::blocks;
    int token[2 * S::blocks];
    int oldest[Extended ? 2 * S::blocks : 1];
    Statistics statistics[2 * S::blocks];
#pragma unroll
    for (int i = 0; i < 2 * S::blocks; ++i) {
        const int row = row_of(warp_row + 8 * i + lane / 4);
        token[i] = packed.token(row);
        if (Extended) oldest[Extended ? i : 0] = a.extension.oldest(token[i]);
        statistics[i] = a.statistics[static_cast<std::int64_t>(packed.kv_head) * all_rows + row];
    }
    const int first_token = packed.token(row_of(warp_row)),
              last_token = packed.token(row_of(warp_row + 16 * S::blocks - 1));

    float d_query[S::blocks][head_dim / 8][4] = {};
    const std::uint32_t query_lane = queries + Matrix::rows_first(lane, warp_row),
                        d_out_lane = d_outs + Matrix::rows_first(lane, warp_row);
    const std::uint32_t rows_first = Matrix::rows_first(lane), columns_first = Matrix::columns_first(lane);

    const auto work_on_tile = [&](auto masked_tile) {
        constexpr bool masked = decltype(masked_tile)::value;
        wait_for_copies<0>();
        __syncthreads();
        if (S::stages == 2 && j > lowest) gather(j - 1);
        const bool more = thread < S::columns && j > 1;
        Key next = Key::none();
        if (more) next = Key::of(list.at((j - 2) * S::columns + thread), a.visible_until);
        const Key* const tile_keys = slot_of(j);
        const std::uint32_t keys = keys_of(j), values = keys + S::key_bytes;
        const unsigned seen =
            masked ? seen_chunks<S::chunks>(tile_keys, first_token, last_token, lane) : (1u << S::chunks) - 1;
        if (!masked || seen != 0) {
            const auto product = [&](float (&to)[S::blocks][2 * S::chunks][4], std::uint32_t left,
                                     std::uint32_t right) {
#pragma unroll
                for (int k = 0; k < head_dim / 16; ++k) {
                    std::uint32_t x[S::blocks][4];
#pragma unroll
                    for (int b = 0; b < S::blocks; ++b)
                        load_matrices(x[b], Matrix::step(left + b * 16 * Matrix::row_bytes, k));
#pragma unroll
                    for (int c = 0; c < S::chunks; ++c) {
                        if (masked && (seen >> c & 1) == 0) continue;
                        std::uint32_t y[4];
                        load_matrices(y, Matrix::step(right + columns_first + c * 16 * Matrix::row_bytes, k));
#pragma unroll
                        for (int b = 0; b < S::blocks; ++b) {
                            multiply(to[b][2 * c], x[b], y[0], y[1]);
                            multiply(to[b][2 * c + 1], x[b], y[2], y[3]);
                        }
                    }
                }
            };
            float p[S::blocks][2 * S::chunks][4] = {}, ds[S::blocks][2 * S::chunks][4] = {};
            product(p, query_lane, keys);
            product(ds, d_out_lane, values);
#pragma unroll
            for (int c = 0; c < 2 * S::chunks; ++c) {
                Key key[2];
                if (masked) {
                    key[0] = tile_keys[8 * c + 2 * (lane % 4)];
                    key[1] = tile_keys[8 * c + 2 * (lane % 4) + 1];
                }
#pragma unroll
                for (int b = 0; b < S::blocks; ++b) {
#pragma unroll
                    for (int i = 0; i < 4; ++i) {
                        const Statistics& row = statistics[2 * b + i / 2];
                        float slope = 1;
                        if (Extended && a.extension.capped()) {
                            const float tangent = a.extension.tangent(p[b][c][i]);
                            slope = 1 - tangent * tangent;
                            p[b][c][i] = a.extension.outward * tangent;
                        }
                        float weight = exp2(p[b][c][i] * a.scale_log2 - row.lse_log2);
                        if (masked && (!key[i % 2].visible(token[2 * b + i / 2]) ||
                                       (Extended && key[i % 2].begin < oldest[Extended ? 2 * b + i / 2 : 0])))
                            weight = 0;
                        ds[b][c][i] = weight * (ds[b][c][i] - row.delta);
                        if (Extended) ds[b][c][i] *= slope;
                    }
                }
            }
#pragma unroll
            for (int c = 0; c < S::chunks; ++c) {
                if (masked && (seen >> c & 1) == 0) continue;
                std::uint32_t x[S::blocks][4];
#pragma unroll
                for (int b = 0; b < S::blocks; ++b) pack_factor(x[b], ds[b][2 * c], ds[b][2 * c + 1]);
#pragma unroll
                for (int d = 0; d < head_dim / 16; ++d) {
                    std::uint32_t y[4];
                    load_matrices_transposed(y,
                                             Matrix::step(keys + rows_first + c * 16 * Matrix::row_bytes, d));
#pragma unroll
                    for (int b = 0; b < S::blocks; ++b) {
                        multiply(d_query[b][2 * d], x[b], y[0], y[1]);
                        multiply(d_query[b][2 * d + 1], x[b], y[2], y[3]);
                    }
                }
            }
        }
        if (more) slot_of(j - 2)[thread] = next;
        if (S::stages == 1 && j > lowest) {
            __syncthreads();
            gather(j - 1);
        }
    };
    for (; j >= lowest && (j + 1) * S::columns > tile.full; --j) work_on_tile(std::true_type{});
    for (; j >= lowest && (!Extended || j * S::columns >= window.full); --j) work_on_tile(std::false_type{});
    if (Extended)
        for (; j >= lowest; --j) work_on_tile(std::true_type{});

    // Each warp puts its rows where its queries were, to store them in whole chunks.
    __syncwarp();
#pragma unroll
    for (int b = 0; b < S::blocks; ++b) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            const int r = warp_row + 16 * b + 8 * h + lane / 4;
#pragma unroll
            for (int d = 0; d < head_dim / 8; ++d)
                *reinterpret_cast<std::uint32_t*>(shared + Matrix::offset(r, d) + 4 * (lane % 4)) =
                    pack(d_query[b][d][2 * h] * a.scale, d_query[b][d][2 * h + 1] * a.scale);
        }
    }
    __syncwarp();
    for (int i = lane; i < 16 * S::blocks * Matrix::row_chunks; i += 32) {
        const int r = warp_row + i / Matrix::row_chunks, chunk = i % Matrix::row_chunks;
        if (tile.row_begin + r > last_row) break;
        *reinterpret_cast<uint4*>(a.d_qkv + packed.offset(tile.row_begin + r, heads, head_dim) + chunk * 8) =
            *reinterpret_cast<const uint4*>(shared + Matrix::offset(r, chunk));
    }
}

template <typename Kernel>
void allow_shared_memory(Kernel kernel, int bytes) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
          "cudaFuncSetAttribute");
}

template <int head_dim, bool Extended>
void launch(cudaStream_t stream, const Arguments& a, int query_tiles, int key_tiles) {
    using K = KeySizes<head_dim>;
    using Q = QuerySizes<head_dim>;
    constexpr int key_bytes = Extended ? K::extended_bytes : K::shared_bytes;
    static_assert(key_bytes <= 99 * 1024 && Q::shared_bytes <= 99 * 1024);
    allow_shared_memory(key_kernel<head_dim, Extended>, key_bytes);
    allow_shared_memory(query_kernel<head_dim, Extended>, Q::shared_bytes);

    constexpr int rows_a_block = statistics_threads / (head_dim % 64 == 0 ? 8 : 4);
    const int rows = a.tokens * a.group.divisor();
    statistics_kernel<head_dim><<<dim3(static_cast<unsigned>((rows + rows_a_block - 1) / rows_a_block),
                                       static_cast<unsigned>(a.kv_heads)),
                                  statistics_threads, 0, stream>>>(a);
    check_launch("mma_attention_backward, row statistics");
    key_kernel<head_dim, Extended>
        <<<static_cast<unsigned>(key_tiles * a.kv_heads), K::threads, key_bytes, stream>>>(a);
    check_launch("mma_attention_backward, keys");
    query_kernel<head_dim, Extended>
        <<<static_cast<unsigned>(query_tiles * a.kv_heads), Q::threads, Q::shared_bytes, stream>>>(a);
    check_launch("mma_attention_backward, queries");
}

}  // namespace

std::size_t mma_attention_backward_workspace(std::int64_t tokens, std::int64_t query_heads) {
    return static_cast<std::size_t>(tokens * query_heads) * sizeof(Statistics);
}

void mma_attention_backward(cudaStream_t stream, const MmaAttention& a, __nv_bfloat16* d_qkv,
                            const __nv_bfloat16* d_out, const __nv_bfloat16* out, const float* lse,
                            void* workspace) {
    const Arguments arguments{d_qkv,
                              d_out,
                              out,
                              lse,
                              a.qkv,
                              static_cast<Statistics*>(workspace),
                              a.visible_until,
                              a.runs,
                              a.query_tiles,
                              a.key_tiles,
                              Divider(a.query_heads / a.kv_heads),
                              a.tokens,
                              a.query_heads,
                              a.kv_heads,
                              a.scale,
                              a.scale * log2_e,
                              Extension::of(a)};
    const auto run = [&](auto extended) {
        constexpr bool Extended = decltype(extended)::value;
        switch (a.head_dim) {
            case 64:
                return launch<64, Extended>(stream, arguments, a.query_tile_count, a.key_tile_count);
            case 96:
                return launch<96, Extended>(stream, arguments, a.query_tile_count, a.key_tile_count);
            case 128:
                return launch<128, Extended>(stream, arguments, a.query_tile_count, a.key_tile_count);
            default:
                return launch<256, Extended>(stream, arguments, a.query_tile_count, a.key_tile_count);
        }
    };
    if (a.extended()) return run(std::true_type{});
    run(std::false_type{});
}

}  // namespace wishbone::cuda
