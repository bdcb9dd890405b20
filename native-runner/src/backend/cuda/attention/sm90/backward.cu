// Prefix-masked attention, backward, for Hopper (sm_90a): TMA, wgmma, warp specialization. The mathematics is
// that of FlashAttention (arXiv 2205.14135, 2307.08691, 2407.08608), the mask one integer a key (arXiv
// 2410.01359).
//
// Two kernels, in which no order of adding depends on which thread block is first, so results are the same bits
// every time:
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
// Where far more queries see one key tile than see others (the first one of a bin whose sequences all begin alike), it is
// worked at in parts, by several thread blocks, whose f32 sums the last one adds up in the order of the parts
// (key_gradient/part_sums.cuh). Otherwise no sums lie in device memory.
//
// A query tile is M rows: the query heads of the KV head, next to each other in memory, times M / group
// tokens, so that the sum over the group costs nothing and short segments waste little. One warp of warpgroup
// 0 loads (producer.cuh), warpgroups 1 and 2 compute (consumer.cuh) and take turns at starting products; all
// left factors of the sums come from registers.
//
// Capped scores are C = cap / scale · tanh(scale / cap · S): P comes from C, and dS is multiplied by the slope
// 1 - (scale / cap · C)². A sliding window shortens the lists of both kernels; what a query sees first comes
// to the key pass with its statistics. Both are compiled in where they are needed (features.h).
//
// dQ and dK are those of what RoPE made of queries and keys. They are turned back in registers, in f32, on their way to memory
// (rotation.cuh): a pass of its own would read and write both once more, and round them twice.

#include <algorithm>

#include "backend/cuda/attention/sm90/backward.h"
#include "backend/cuda/attention/sm90/backward/key_gradient/consumer.cuh"
#include "backend/cuda/attention/sm90/backward/key_gradient/pipeline.cuh"
#include "backend/cuda/attention/sm90/backward/key_gradient/producer.cuh"
#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/query_gradient/consumer.cuh"
#include "backend/cuda/attention/sm90/backward/query_gradient/pipeline.cuh"
#include "backend/cuda/attention/sm90/backward/query_gradient/producer.cuh"
#include "backend/cuda/attention/sm90/backward/sizes.h"
#include "backend/cuda/attention/sm90/features.h"
#include "backend/cuda/attention/sm90/shared_tiles.cuh"
#include "backend/cuda/runtime/check.h"
#include "backend/cuda/runtime/dynamic_shared_memory.h"
#include "backend/require.h"

namespace wishbone::cuda::sm90 {
namespace backward {

template <class Pipeline, class F>
__global__ void __launch_bounds__(threads, 1)
    query_gradient_kernel(const __grid_constant__ CUtensorMap query_map,
                          const __grid_constant__ CUtensorMap d_out_map,
                          const __grid_constant__ CUtensorMap out_map,
                          const __grid_constant__ CUtensorMap key_map, const __grid_constant__ Parameters p) {
    extern __shared__ std::uint8_t dynamic[];
    const SharedTiles tiles(dynamic);
    const Pipeline shared{tiles.base, tiles.bytes};

    if (threadIdx.x == 0) shared.init_barriers();
    __syncthreads();
    if (threadIdx.x < 128) {
        register_dealloc<40>();
        if (threadIdx.x < 32)
            QueryProducer<Pipeline>{p, shared, query_map, d_out_map, out_map, key_map}.run();
    } else {
        register_alloc<232>();
        QueryConsumer<Pipeline, F>{p, shared}.run();
    }
}

template <class Pipeline, class F>
__global__ void __launch_bounds__(threads, 1)
    key_gradient_kernel(const __grid_constant__ CUtensorMap query_map,
                        const __grid_constant__ CUtensorMap d_out_map,
                        const __grid_constant__ CUtensorMap key_map,
                        const __grid_constant__ CUtensorMap stats_map, const __grid_constant__ Parameters p) {
    extern __shared__ std::uint8_t dynamic[];
    const SharedTiles tiles(dynamic);
    const Pipeline shared{tiles.base, tiles.bytes};

    if (threadIdx.x == 0) shared.init_barriers();
    if (p.tile_tokens * p.group < Pipeline::M) {
        // Rows that no load reaches must not hold what is no number.
        for (int i = threadIdx.x; i < 2 * Pipeline::Stages * Pipeline::row_bytes / 16; i += threads)
            reinterpret_cast<uint4*>(tiles.bytes + Pipeline::query_at)[i] = make_uint4(0, 0, 0, 0);
        fence_proxy_async();
    }
    __syncthreads();
    if (threadIdx.x < 128) {
        register_dealloc<24>();
        if (threadIdx.x == 0)
            KeyProducer<Pipeline>{p, shared, query_map, d_out_map, key_map, stats_map}.run();
    } else {
        register_alloc<240>();
        KeyConsumer<Pipeline, F>{p, shared}.run();
    }
}

/// Parts of the workspace, each 256-byte aligned.
struct Workspace {
    std::size_t stats, next, sums, counted, bytes;  ///< `counted`: bytes from `next` on that begin as 0

    Workspace(const Work& work, const AttentionShape& shape) {
        const auto rows = static_cast<std::size_t>(work.query_tiles()) *
                          static_cast<std::size_t>(shape.kv_heads * query_rows(shape.head_dim));
        const std::size_t numbers = work.windowed() ? row_statistics<true> : row_statistics<false>;
        stats = 0;
        const auto aligned = [](std::size_t size) { return (size + 255) / 256 * 256; };
        const auto places = static_cast<std::size_t>(work.sums());
        next = aligned(rows * numbers * sizeof(float));
        counted = (2 + places * consumer_warps) * sizeof(int);
        sums = aligned(next + counted);
        bytes = sums + places * consumer_threads * static_cast<std::size_t>(shape.head_dim) * sizeof(float);
    }
};

RowRotation row_rotation(const Rotation& rotation) {
    if (!rotation) return {};
    return {rotation.cos.as<float>(), rotation.sin.as<float>(), rotation.position.as<std::int32_t>(),
            static_cast<std::int32_t>(rotation.planes() / 8)};
}

template <int D, int KeyStages, int Stages, int QueryStages, class F>
void launch(const Device& device, cudaStream_t stream, __nv_bfloat16* d_qkv, const __nv_bfloat16* d_out,
            const __nv_bfloat16* out, const float* lse, const __nv_bfloat16* qkv, const Work& work,
            std::int64_t tokens, const AttentionShape& shape, const Rotation& rotation,
            std::byte* workspace) {
    constexpr int M = query_rows(D), N = key_block(D);
    const auto query_heads = static_cast<int>(shape.query_heads), kv_heads = static_cast<int>(shape.kv_heads);
    const int group = query_heads / kv_heads, tile_tokens = M / group, heads = query_heads + 2 * kv_heads;
    const Workspace parts(work, shape);
    auto* const stats = reinterpret_cast<float*>(workspace + parts.stats);
    auto* const next = reinterpret_cast<int*>(workspace + parts.next);

    const auto length = static_cast<std::uint64_t>(tokens);
    const CUtensorMap query_map = encode_tensor_3d(qkv, D, heads, length, swizzle_width, group, tile_tokens);
    const CUtensorMap tile_map = encode_tensor_3d(qkv, D, heads, length, swizzle_width, 1, key_tile);
    const CUtensorMap block_map = encode_tensor_3d(qkv, D, heads, length, swizzle_width, 1, N);
    const CUtensorMap d_out_map =
        encode_tensor_3d(d_out, D, query_heads, length, swizzle_width, group, tile_tokens);

    using QueryGradient = QueryPipeline<D, M, N, QueryStages>;
    using KeyGradient = KeyPipeline<D, M, KeyStages, Stages, row_statistics<F::Windowed>>;
    static_assert(QueryGradient::allocated <= 232448 && KeyGradient::allocated <= 232448);
    const CUtensorMap stats_map = encode_words(
        stats, static_cast<std::uint64_t>(work.query_tiles()) * kv_heads * KeyGradient::stat_words,
        KeyGradient::stat_box);
    const CUtensorMap out_map =
        encode_tensor_3d(out, D, query_heads, length, swizzle_width, group, tile_tokens);

    check(cudaMemsetAsync(next, 0, parts.counted, stream), "attention backward, counters");
    const Parameters parameters{.items = work.item_list(),
                                .queries = work.query_list(),
                                .query_blocks = work.query_block_list(),
                                .query_items = work.query_item_list(),
                                .key_blocks = work.key_block_list(),
                                .until = work.visible_until(),
                                .lse = lse,
                                .stats = stats,
                                .d_qkv = d_qkv,
                                .next = next,
                                .sums = reinterpret_cast<float4*>(workspace + parts.sums),
                                .parts_done = next + 2,
                                .item_count = work.items(),
                                .query_item_count = work.query_items(),
                                .query_tiles = work.query_tiles(),
                                .tokens = static_cast<std::int32_t>(tokens),
                                .query_heads = query_heads,
                                .kv_heads = kv_heads,
                                .group = group,
                                .tile_tokens = tile_tokens,
                                .scale = shape.scale,
                                .scale_log2 = shape.scale * log2_e,
                                .rotation = row_rotation(rotation),
                                .cap = ScoreCap::of(shape.scale, shape.softcap),
                                .first_seen = work.first_seen(),
                                .visible_by_all_until = work.visible_by_all_until()};
    const auto run = [&](auto kernel, int shared_bytes, int items, auto... arguments) {
        allow_shared_memory(kernel, shared_bytes);
        kernel<<<std::min(device.multiprocessors, items), threads, shared_bytes, stream>>>(arguments...);
        check_launch("attention backward");
    };
    run(query_gradient_kernel<QueryGradient, F>, QueryGradient::allocated, work.query_items(), query_map,
        d_out_map, out_map, block_map, parameters);
    run(key_gradient_kernel<KeyGradient, F>, KeyGradient::allocated, work.items(), query_map, d_out_map,
        tile_map, stats_map, parameters);
}

}  // namespace backward

bool attention_backward_supports(AttentionShape shape) {
    return (shape.head_dim == 64 || shape.head_dim == 128) && shape.kv_heads > 0 &&
           shape.query_heads % shape.kv_heads == 0 && shape.query_heads / shape.kv_heads <= 64;
}

bool attention_backward_rotates(const Rotation& rotation) {
    const auto aligned = [](const Tensor& x) { return reinterpret_cast<std::uintptr_t>(x.data) % 8 == 0; };
    return rotation && rotation.planes() % 8 == 0 && aligned(rotation.cos) && aligned(rotation.sin);
}

std::size_t attention_backward_workspace(const backward::Work& work, AttentionShape shape) {
    return backward::Workspace(work, shape).bytes;
}

void attention_backward(const Device& device, cudaStream_t stream, __nv_bfloat16* d_qkv,
                        const __nv_bfloat16* d_out, const __nv_bfloat16* out, const float* lse,
                        const __nv_bfloat16* qkv, const backward::Work& work, std::int64_t tokens,
                        AttentionShape shape, const Rotation& rotation, void* workspace) {
    require(attention_backward_supports(shape) && (!rotation || (attention_backward_rotates(rotation) &&
                                                                 2 * rotation.planes() <= shape.head_dim)),
            "attention_backward");
    if (tokens == 0) return;
    with_features(work.windowed(), shape.softcap > 0, [&]<class F>(F) {
        const auto run =
            shape.head_dim == 64 ? backward::launch<64, 2, 4, 5, F> : backward::launch<128, 1, 3, 4, F>;
        run(device, stream, d_qkv, d_out, out, lse, qkv, work, tokens, shape, rotation,
            static_cast<std::byte*>(workspace));
    });
}

}  // namespace wishbone::cuda::sm90
