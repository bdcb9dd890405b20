#pragma once

#include <climits>
#include <cstdint>
#include <type_traits>

#include "backend/cuda/attention/mma/attention.h"
#include "backend/cuda/attention/mma/forward/arguments.h"
#include "backend/cuda/attention/mma/forward/mask.cuh"
#include "backend/cuda/attention/mma/forward/softmax.cuh"
#include "backend/cuda/attention/mma/key.cuh"
#include "backend/cuda/attention/mma/key_list.cuh"
#include "backend/cuda/attention/mma/packed_rows.cuh"
#include "backend/cuda/attention/mma/products.cuh"
#include "backend/cuda/attention/mma/shared_matrix.cuh"
#include "backend/cuda/attention/mma/tile_copier.cuh"
#include "backend/cuda/attention/mma/warp_rows.cuh"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/fast_math.cuh"
#include "backend/cuda/primitives/mma.cuh"
#include "backend/cuda/primitives/shared_memory.cuh"
#include "backend/cuda/primitives/warp.cuh"

namespace wishbone::cuda::mma {

/// `Extended`: with a window or a cap.
template <int head_dim, bool Extended>
__global__ void __launch_bounds__(ForwardSizes<head_dim>::threads, 2)
    attention_kernel(const ForwardArguments a) {
    using S = ForwardSizes<head_dim>;
    using Matrix = SharedMatrix<head_dim>;
    extern __shared__ __align__(1024) unsigned char shared[];
    Key* const key_slots = reinterpret_cast<Key*>(shared + S::query_bytes + 2 * S::key_bytes);
    const auto keys_of = [&](int j) { return key_slots + (j & 1) * S::columns; };
    const std::uint32_t queries = shared_address(shared), keys = queries + S::query_bytes,
                        values = keys + S::key_bytes;

    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
    const int item = static_cast<int>(blockIdx.x) / a.kv_heads;
    const PackedRows packed{a.group, static_cast<int>(blockIdx.x) - item * a.kv_heads, a.tokens};
    const QueryTile tile = a.tiles[item];
    const int heads = a.query_heads + 2 * a.kv_heads;
    const int last_row = min(tile.row_begin + S::rows, a.tokens * a.group.divisor()) - 1;
    KeyList list(tile, packed.token(tile.row_begin), packed.token(last_row), a.runs);

    using Copier = TileCopier<head_dim, S::threads>;
    const Copier copier(thread);
    // Rows behind the last one repeat it and are not stored.
    copier.template copy<S::rows>(queries, a.qkv, [&](int row) {
        return a.qkv + packed.offset(min(tile.row_begin + row, last_row), heads, head_dim);
    });
    const int row_size = heads * head_dim;
    const __nv_bfloat16* const key_base = a.qkv + (a.query_heads + packed.kv_head) * head_dim;
    const __nv_bfloat16* const value_base = key_base + a.kv_heads * head_dim;
    const auto gather = [&](std::uint32_t to, const __nv_bfloat16* base, const Key* from) {
        copier.template copy<S::columns>(to, base, [&](int place) {
            const int token = from[place].begin;
            return token == INT_MAX ? nullptr : base + static_cast<std::int64_t>(token) * row_size;
        });
    };

    const QueryWindow window =
        Extended && a.extension.windows != nullptr ? a.extension.windows[item] : QueryWindow{0, 0};
    const int lowest = Extended ? window.first / S::columns : 0;
    int j = (list.size() - 1) / S::columns;
    const int newest = thread < S::columns ? list.at(j * S::columns + thread) : INT_MAX;
    if (thread < S::columns) keys_of(j)[thread].begin = newest;
    __syncthreads();
    gather(keys, key_base, keys_of(j));
    commit_copies();
    gather(values, value_base, keys_of(j));
    commit_copies();
    if (thread < S::columns) keys_of(j)[thread].end = Key::of(newest, a.visible_until).end;

    // This lane's rows: warp_row + 16 b + 8 h, at [2 b + h].
    const int warp_row = warp * 16 * S::blocks;
    int token[2 * S::blocks];
    int oldest[Extended ? 2 * S::blocks : 1];
    float largest[2 * S::blocks], sum[2 * S::blocks];
#pragma unroll
    for (int i = 0; i < 2 * S::blocks; ++i) {
        token[i] = packed.token(min(tile.row_begin + warp_row + 8 * i + lane / 4, last_row));
        if (Extended) oldest[Extended ? i : 0] = a.extension.oldest(token[i]);
        largest[i] = -INFINITY;
        sum[i] = 0;
    }
    const int first_token = packed.token(min(tile.row_begin + warp_row, last_row)),
              last_token = packed.token(min(tile.row_begin + warp_row + 16 * S::blocks - 1, last_row));

    float out[S::blocks][head_dim / 8][4] = {};
    std::uint32_t kept[S::keep_queries ? S::steps : 1][S::blocks][4];
    const std::uint32_t query_lane = queries + Matrix::rows_first(lane, warp_row);
    const std::uint32_t key_lane = keys + Matrix::columns_first(lane);
    const std::uint32_t value_lane = values + Matrix::rows_first(lane);

    if (S::keep_queries) {
        wait_for_copies<1>();
        __syncthreads();
#pragma unroll
        for (int k = 0; k < S::steps; ++k)
#pragma unroll
            for (int b = 0; b < S::blocks; ++b)
                load_matrices(kept[S::keep_queries ? k : 0][b],
                              Matrix::step(query_lane + b * 16 * Matrix::row_bytes, k));
    }

    bool first = true;
    const auto work_on_tile = [&](auto masked_tile) {
        constexpr bool masked = decltype(masked_tile)::value;
        const Key* const tile_keys = keys_of(j);
        if (first) {
            wait_for_copies<1>();
            __syncthreads();  // the keys have come
        } else {
            wait_for_copies<0>();
            __syncthreads();  // the keys have come, and nobody needs the old values any more
            gather(values, value_base, tile_keys);
            commit_copies();
        }
        first = false;
        Key next = Key::none();
        if (thread < S::columns && j > lowest)
            next = Key::of(list.at((j - 1) * S::columns + thread), a.visible_until);
        const unsigned seen =
            masked ? seen_chunks<S::chunks>(tile_keys, first_token, last_token, lane) : (1u << S::chunks) - 1;

        float scores[S::blocks][2 * S::chunks][4] = {};
        if (!masked || seen != 0) {
#pragma unroll
            for (int k = 0; k < S::steps; ++k) {
                std::uint32_t q[S::blocks][4];
#pragma unroll
                for (int b = 0; b < S::blocks; ++b) {
                    if (S::keep_queries) {
#pragma unroll
                        for (int r = 0; r < 4; ++r) q[b][r] = kept[S::keep_queries ? k : 0][b][r];
                    } else {
                        load_matrices(q[b], Matrix::step(query_lane + b * 16 * Matrix::row_bytes, k));
                    }
                }
#pragma unroll
                for (int c = 0; c < S::chunks; ++c) {
                    if (masked && (seen >> c & 1) == 0) continue;
                    std::uint32_t key[4];
                    load_matrices(key, Matrix::step(key_lane + c * 16 * Matrix::row_bytes, k));
#pragma unroll
                    for (int b = 0; b < S::blocks; ++b) {
                        multiply(scores[b][2 * c], q[b], key[0], key[1]);
                        multiply(scores[b][2 * c + 1], q[b], key[2], key[3]);
                    }
                }
            }
        }
        if (thread < S::columns && j > lowest) keys_of(j - 1)[thread] = next;
        wait_for_copies<0>();
        __syncthreads();  // the values have come, and nobody needs these keys any more
        if (j > lowest) gather(keys, key_base, keys_of(j - 1));
        commit_copies();
        if (masked && seen == 0) return;

        if (Extended && a.extension.cap.capped()) cap_scores(scores, a.extension.cap);
        if (masked) hide_invisible<Extended>(scores, tile_keys, token, oldest, lane);
        softmax_step<masked>(scores, out, largest, sum, a.scale_log2);
        multiply_add<Matrix, masked>(out, scores, value_lane, seen);
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
            const float total = quad_sum(sum[2 * b + h]);
            const int row = warp_row + 16 * b + 8 * h + lane / 4;
            put_row<head_dim>(shared, row, out[b], h, 1 / total, lane);
            if (lane % 4 == 0 && tile.row_begin + row <= last_row)
                a.lse[packed.statistic(tile.row_begin + row)] =
                    largest[2 * b + h] * a.scale_log2 * ln_2 + logf(total);
        }
    }
    __syncwarp();
    store_rows<head_dim, 16 * S::blocks>(shared, warp_row, tile.row_begin, last_row, lane, [&](int row) {
        return a.out + packed.offset(row, a.query_heads, head_dim);
    });
}

}  // namespace wishbone::cuda::mma
