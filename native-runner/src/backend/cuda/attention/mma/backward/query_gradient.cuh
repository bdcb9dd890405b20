#pragma once

#include <climits>
#include <cstdint>
#include <type_traits>

#include "backend/cuda/attention/mma/attention.h"
#include "backend/cuda/attention/mma/backward/arguments.h"
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

namespace wishbone::cuda::mma {

template <int head_dim>
struct QuerySizes {
    static constexpr int warps = 4, threads = 32 * warps;
    static constexpr int rows = tile_sizes(head_dim).rows;
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
__global__ void __launch_bounds__(QuerySizes<head_dim>::threads, 2) query_kernel(const BackwardArguments a) {
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
            float p[S::blocks][2 * S::chunks][4] = {}, ds[S::blocks][2 * S::chunks][4] = {};
            multiply_rows<Matrix, head_dim / 16, masked>(p, query_lane, keys + columns_first, seen);
            multiply_rows<Matrix, head_dim / 16, masked>(ds, d_out_lane, values + columns_first, seen);
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
                        if (Extended && a.extension.cap.capped()) {
                            const float tangent = a.extension.cap.tangent(p[b][c][i]);
                            slope = 1 - tangent * tangent;
                            p[b][c][i] = a.extension.cap.outward * tangent;
                        }
                        float weight = exp2_fast(p[b][c][i] * a.scale_log2 - row.lse_log2);
                        if (masked && (!key[i % 2].visible(token[2 * b + i / 2]) ||
                                       (Extended && key[i % 2].begin < oldest[Extended ? 2 * b + i / 2 : 0])))
                            weight = 0;
                        ds[b][c][i] = weight * (ds[b][c][i] - row.delta);
                        if (Extended) ds[b][c][i] *= slope;
                    }
                }
            }
            multiply_add<Matrix, masked>(d_query, ds, keys + rows_first, seen);
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
        for (int h = 0; h < 2; ++h)
            put_row<head_dim>(shared, warp_row + 16 * b + 8 * h + lane / 4, d_query[b], h, a.scale, lane);
    }
    __syncwarp();
    store_rows<head_dim, 16 * S::blocks>(shared, warp_row, tile.row_begin, last_row, lane, [&](int row) {
        return a.d_qkv + packed.offset(row, heads, head_dim);
    });
}

}  // namespace wishbone::cuda::mma
