// Prefix-masked attention, forward: tiles with an online softmax (arXiv 2205.14135, 2307.08691) on mma.sync.
//
// A block handles one tile of rows (tokens times the query heads of a KV head) and goes through the keys its
// tokens see, from its own back to the root. Keys are gathered along the path, so invisible branches cost
// nothing. The next keys are on their way while scores become probabilities, the values while scores are
// made.

#include <cmath>

#include "backend/cuda/attention/mma/attention.h"
#include "backend/cuda/attention/mma/divider.h"
#include "backend/cuda/attention/mma/extension.cuh"
#include "backend/cuda/attention/mma/key.cuh"
#include "backend/cuda/attention/mma/key_list.cuh"
#include "backend/cuda/attention/mma/packed_rows.cuh"
#include "backend/cuda/attention/mma/shared_matrix.cuh"
#include "backend/cuda/attention/mma/tile_copier.cuh"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/fast_math.cuh"
#include "backend/cuda/primitives/mma.cuh"
#include "backend/cuda/primitives/shared_memory.cuh"
#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda::mma {
namespace {

struct Arguments {
    const __nv_bfloat16* qkv;
    __nv_bfloat16* out;
    float* lse;
    const int* visible_until;
    const KeyRun* runs;
    const QueryTile* tiles;
    Divider group;
    int tokens, query_heads, kv_heads;
    float scale_log2;
    Extension extension;
};

template <int head_dim>
struct Sizes {
    static constexpr int rows = tile_sizes(head_dim).rows, columns = 64;
    /// 32 rows a warp use what is loaded twice as often as 16, which pays where loads from shared memory are
    /// the limit; with small heads it is better to have more warps that wait for each other's loads.
    static constexpr int warps = head_dim > 64 ? 4 : 8, threads = 32 * warps;
    static constexpr int blocks = rows / (16 * warps);  ///< of 16 rows, a warp
    static constexpr int chunks = columns / 16;
    static constexpr int steps = head_dim / 16;
    /// Queries stay in registers where there is room for them.
    static constexpr bool keep_queries = head_dim < 128;
    static constexpr int query_bytes = rows * head_dim * 2, key_bytes = columns * head_dim * 2;
    static constexpr int shared_bytes =
        query_bytes + 2 * key_bytes + 2 * columns * static_cast<int>(sizeof(Key));
};

/// `Extended`: with a window or a cap.
template <int head_dim, bool Extended>
__global__ void __launch_bounds__(Sizes<head_dim>::threads, 2) attention_kernel(const Arguments a) {
    using S = Sizes<head_dim>;
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

        if (Extended && a.extension.capped()) {
#pragma unroll
            for (int b = 0; b < S::blocks; ++b)
#pragma unroll
                for (int c = 0; c < 2 * S::chunks; ++c)
#pragma unroll
                    for (int i = 0; i < 4; ++i)
                        scores[b][c][i] = a.extension.outward * a.extension.tangent(scores[b][c][i]);
        }
        if (masked) {
#pragma unroll
            for (int c = 0; c < 2 * S::chunks; ++c) {
#pragma unroll
                for (int i = 0; i < 2; ++i) {
                    const Key key = tile_keys[8 * c + 2 * (lane % 4) + i];
#pragma unroll
                    for (int b = 0; b < S::blocks; ++b) {
                        if (!key.visible(token[2 * b]) ||
                            (Extended && key.begin < oldest[Extended ? 2 * b : 0]))
                            scores[b][c][i] = -INFINITY;
                        if (!key.visible(token[2 * b + 1]) ||
                            (Extended && key.begin < oldest[Extended ? 2 * b + 1 : 0]))
                            scores[b][c][2 + i] = -INFINITY;
                    }
                }
            }
        }
#pragma unroll
        for (int b = 0; b < S::blocks; ++b) {
#pragma unroll
            for (int h = 0; h < 2; ++h) {
                float top = largest[2 * b + h];
#pragma unroll
                for (int c = 0; c < 2 * S::chunks; ++c)
                    top = fmaxf(top, fmaxf(scores[b][c][2 * h], scores[b][c][2 * h + 1]));
                top = fmaxf(top, __shfl_xor_sync(~0u, top, 1));
                top = fmaxf(top, __shfl_xor_sync(~0u, top, 2));
                // A row that has seen nothing yet keeps sums of zero; its exponents must not be NaN.
                const float base = (masked && top == -INFINITY ? 0 : top) * a.scale_log2;
                const float shrink = exp2_fast(largest[2 * b + h] * a.scale_log2 - base);
                largest[2 * b + h] = top;
                float total = sum[2 * b + h] * shrink;
#pragma unroll
                for (int d = 0; d < head_dim / 8; ++d) {
                    out[b][d][2 * h] *= shrink;
                    out[b][d][2 * h + 1] *= shrink;
                }
#pragma unroll
                for (int c = 0; c < 2 * S::chunks; ++c) {
#pragma unroll
                    for (int i = 2 * h; i < 2 * h + 2; ++i) {
                        scores[b][c][i] = exp2_fast(scores[b][c][i] * a.scale_log2 - base);
                        total += scores[b][c][i];
                    }
                }
                sum[2 * b + h] = total;
            }
        }
#pragma unroll
        for (int c = 0; c < S::chunks; ++c) {
            if (masked && (seen >> c & 1) == 0) continue;
            std::uint32_t p[S::blocks][4];
#pragma unroll
            for (int b = 0; b < S::blocks; ++b) pack_factor(p[b], scores[b][2 * c], scores[b][2 * c + 1]);
#pragma unroll
            for (int d = 0; d < S::steps; ++d) {
                std::uint32_t value[4];
                load_matrices_transposed(value, Matrix::step(value_lane + c * 16 * Matrix::row_bytes, d));
#pragma unroll
                for (int b = 0; b < S::blocks; ++b) {
                    multiply(out[b][2 * d], p[b], value[0], value[1]);
                    multiply(out[b][2 * d + 1], p[b], value[2], value[3]);
                }
            }
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
            float total = sum[2 * b + h];
            total += __shfl_xor_sync(~0u, total, 1);
            total += __shfl_xor_sync(~0u, total, 2);
            const float factor = 1 / total;
            const int row = warp_row + 16 * b + 8 * h + lane / 4;
#pragma unroll
            for (int d = 0; d < head_dim / 8; ++d)
                *reinterpret_cast<std::uint32_t*>(shared + Matrix::offset(row, d) + 4 * (lane % 4)) =
                    pack(out[b][d][2 * h] * factor, out[b][d][2 * h + 1] * factor);
            if (lane % 4 == 0 && tile.row_begin + row <= last_row)
                a.lse[packed.statistic(tile.row_begin + row)] =
                    largest[2 * b + h] * a.scale_log2 * ln_2 + logf(total);
        }
    }
    __syncwarp();
    for (int i = lane; i < 16 * S::blocks * Matrix::row_chunks; i += 32) {
        const int row = warp_row + i / Matrix::row_chunks, chunk = i % Matrix::row_chunks;
        if (tile.row_begin + row > last_row) break;
        const uint4 from = *reinterpret_cast<const uint4*>(shared + Matrix::offset(row, chunk));
        *reinterpret_cast<uint4*>(a.out + packed.offset(tile.row_begin + row, a.query_heads, head_dim) +
                                  chunk * 8) = from;
    }
}

template <int head_dim, bool Extended>
void launch(cudaStream_t stream, const Arguments& a, int tiles) {
    constexpr int bytes = Sizes<head_dim>::shared_bytes;
    static_assert(bytes <= 99 * 1024);
    check(cudaFuncSetAttribute(attention_kernel<head_dim, Extended>,
                               cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
          "cudaFuncSetAttribute");
    attention_kernel<head_dim, Extended>
        <<<static_cast<unsigned>(tiles * a.kv_heads), Sizes<head_dim>::threads, bytes, stream>>>(a);
    check_launch("attention_forward");
}

}  // namespace

void attention_forward(cudaStream_t stream, const Attention& a, __nv_bfloat16* out, float* lse) {
    const Arguments arguments{a.qkv,
                              out,
                              lse,
                              a.visible_until,
                              a.runs,
                              a.query_tiles,
                              Divider(a.query_heads / a.kv_heads),
                              a.tokens,
                              a.query_heads,
                              a.kv_heads,
                              a.scale * log2_e,
                              Extension::of(a)};
    const auto run = [&](auto extended) {
        constexpr bool Extended = decltype(extended)::value;
        switch (a.head_dim) {
            case 64:
                return launch<64, Extended>(stream, arguments, a.query_tile_count);
            case 96:
                return launch<96, Extended>(stream, arguments, a.query_tile_count);
            case 128:
                return launch<128, Extended>(stream, arguments, a.query_tile_count);
            default:
                return launch<256, Extended>(stream, arguments, a.query_tile_count);
        }
    };
    if (a.extended()) return run(std::true_type{});
    run(std::false_type{});
}

}  // namespace wishbone::cuda::mma
