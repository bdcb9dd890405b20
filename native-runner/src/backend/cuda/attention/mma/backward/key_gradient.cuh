#pragma once

#include <climits>
#include <cstdint>
#include <type_traits>

#include "backend/cuda/attention/mma/attention.h"
#include "backend/cuda/attention/mma/backward/arguments.h"
#include "backend/cuda/attention/mma/key.cuh"
#include "backend/cuda/attention/mma/packed_rows.cuh"
#include "backend/cuda/attention/mma/products.cuh"
#include "backend/cuda/attention/mma/shared_matrix.cuh"
#include "backend/cuda/attention/mma/tile_copier.cuh"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/fast_math.cuh"
#include "backend/cuda/primitives/mma.cuh"
#include "backend/cuda/primitives/shared_memory.cuh"

namespace wishbone::cuda::mma {

template <int head_dim>
struct KeySizes {
    static constexpr int columns = tile_sizes(head_dim).keys;  ///< keys of a block
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
                         tokens_at = statistics_at + stages * rows * 8,
                         oldest_at = tokens_at + stages * rows * 4, shared_bytes = oldest_at,
                         extended_bytes = oldest_at + stages * rows * 4;
};

/// `Extended`: with a window or a cap.
template <int head_dim, bool Extended>
__global__ void __launch_bounds__(KeySizes<head_dim>::threads, head_dim > 128 ? 1 : 2)
    key_kernel(const BackwardArguments a) {
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
        const auto add = [&](float (&to)[S::blocks][S::part_dim / 8][4], const Scores& left,
                             std::uint32_t right) {
            multiply_add<Matrix, masked>(to, left, right + rows_first, seen, part * S::part_dim * 2);
        };

        Scores p = {};
        float slope[Extended ? S::blocks : 1][Extended ? 2 * S::chunks : 1][4];  // of capped scores
        multiply_rows<Matrix, head_dim / 16, masked>(p, key_lane, queries + columns_first, seen);
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
                    if (Extended && a.extension.cap.capped()) {
                        const float tangent = a.extension.cap.tangent(p[b][c][i]);
                        slope[Extended ? b : 0][Extended ? c : 0][i] = 1 - tangent * tangent;
                        p[b][c][i] = a.extension.cap.outward * tangent;
                    }
                    p[b][c][i] = exp2_fast(p[b][c][i] * a.scale_log2 - lse[i % 2]);
                    if (masked && (!key[2 * b + i / 2].visible(token[i % 2]) ||
                                   (Extended && key[2 * b + i / 2].begin < oldest[i % 2])))
                        p[b][c][i] = 0;
                }
            }
        }
        add(d_value, p, d_outs);
        Scores ds = {};
        multiply_rows<Matrix, head_dim / 16, masked>(ds, value_lane, d_outs + columns_first, seen);
#pragma unroll
        for (int c = 0; c < 2 * S::chunks; ++c) {
            const float4 two = *reinterpret_cast<const float4*>(statistics_of(stage) + lane_row + 8 * c);
            const float delta[2] = {two.y, two.w};
#pragma unroll
            for (int b = 0; b < S::blocks; ++b)
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    ds[b][c][i] = p[b][c][i] * (ds[b][c][i] - delta[i % 2]);
                    if (Extended && a.extension.cap.capped())
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

}  // namespace wishbone::cuda::mma
