// Prefix-masked attention, backward, for Hopper (sm_90a): TMA, wgmma, warp specialization. The mathematics is
// that of FlashAttention (arXiv 2205.14135, 2307.08691, 2407.08608), the mask one integer a key (arXiv
// 2410.01359).
//
// In no kernel does an order of adding depend on which thread block is first, so results are the same bits every time. Where gradients
// of scores, dS, are few enough to go through device memory (sizes.h), three kernels:
//
//     statistics_kernel, or given_statistics_kernel where whoever computed dO has delta already:
//         delta = Σ dO·O
//     key_gradient_kernel, one item = 128 keys of one KV head, over the query tiles that see them:
//         S^T = K Q^T,  P^T = exp(scale S^T - lse),  dP^T = V dO^T,  dS^T = P^T (dP^T - delta)
//         dV += P^T dO,  dK += dS^T Q,  and dS^T to device memory in bf16
//     score_product_kernel, one item = 256 rows of queries, over the keys they see:
//         dQ += dS K
//
// Elsewhere two, in which S and dP are computed twice, seven products instead of five:
//
//     query_gradient_kernel, one block = 128 rows of queries, over the keys they see:
//         delta = Σ dO·O,  S = Q K^T,  P = exp(scale S - lse),  dP = dO V^T,  dS = P (dP - delta)
//         dQ += dS K
//     key_gradient_kernel, as above, but for dS^T
//
// Either is bound by something else: dS is two bytes written and two read where the products that it saves are 4 D operations and an
// exponential; docs/benchmarks.md says where which is faster. One kernel for all five products must bring dS through
// shared memory, have its warpgroups meet every step, and add dQ atomically to f32 sums that are cleared
// before and converted after. Measured on an H200 (16,384 tokens, 32/8 heads of size 128, trees 1024+512+512)
// that took 1.87 ms, two kernels of the same make 1.70 ms (1.33 to 1.45 ms as they are now, and three kernels 1.15 to 1.18).
//
// Where far more queries see one key tile than see others (the first one of a bin whose sequences all begin alike), it is
// worked at in parts, by several thread blocks, whose f32 sums the last one adds up in the order of the parts
// (key_gradient/part_sums.cuh).
//
// A query tile is M rows: the query heads of the KV head, next to each other in memory, times M / group
// tokens, so that the sum over the group costs nothing and short segments waste little. One warp of warpgroup
// 0 loads (producer.cuh), warpgroups 1 and 2 compute (consumer.cuh) and, where exponentials come between products, take turns at
// starting them.
//
// Capped scores are C = cap / scale · tanh(scale / cap · S): P comes from C, and dS is multiplied by the slope
// 1 - (scale / cap · C)². A sliding window shortens the lists of all kernels; what a query sees first comes
// to the key pass with its statistics. Both are compiled in where they are needed (features.h).
//
// dQ and dK are those of what RoPE made of queries and keys. They are turned back in registers, in f32, on their way to memory
// (rotation.cuh): a pass of its own would read and write both once more, and round them twice.

#include <algorithm>
#include <type_traits>

#include "backend/cuda/attention/sm90/backward.h"
#include "backend/cuda/attention/sm90/backward/key_gradient/kernel.cuh"
#include "backend/cuda/attention/sm90/backward/parameters.h"
#include "backend/cuda/attention/sm90/backward/query_gradient/kernel.cuh"
#include "backend/cuda/attention/sm90/backward/score_gradients/kernel.cuh"
#include "backend/cuda/attention/sm90/backward/score_gradients/statistics.cuh"
#include "backend/cuda/attention/sm90/backward/sizes.h"
#include "backend/cuda/attention/sm90/features.h"
#include "backend/cuda/runtime/check.h"
#include "backend/cuda/runtime/dynamic_shared_memory.h"
#include "backend/require.h"

namespace wishbone::cuda::sm90 {
namespace backward {

/// Parts of the workspace, each 256-byte aligned.
struct Workspace {
    std::size_t stats, next, sums, scores, counted,
        bytes = 0;  ///< `counted`: bytes from `next` on that begin as 0

    Workspace(const Work& work, const AttentionShape& shape) {
        const int tile_rows = query_rows(shape.head_dim);
        const auto rows = static_cast<std::size_t>(work.query_tiles()) *
                          static_cast<std::size_t>(shape.kv_heads * tile_rows);
        const std::size_t numbers = work.windowed() ? row_statistics<true> : row_statistics<false>;
        const auto places = static_cast<std::size_t>(work.sums());
        const auto take = [this](std::size_t size) {
            const std::size_t at = bytes;
            bytes += (size + 255) / 256 * 256;
            return at;
        };
        counted = (2 + places * consumer_warps) * sizeof(int);
        stats = take(rows * numbers * sizeof(float));
        next = take(counted);
        sums = take(places * consumer_threads * static_cast<std::size_t>(shape.head_dim) * sizeof(float));
        scores = take(static_cast<std::size_t>(work.strips() * tile_rows * strip_row_bytes));
    }
};

RowRotation row_rotation(const Rotation& rotation) {
    if (!rotation) return {};
    return {rotation.cos.as<float>(), rotation.sin.as<float>(), rotation.position.as<std::int32_t>(),
            static_cast<std::int32_t>(rotation.planes() / 8)};
}

/// Stages of the rings in shared memory.
template <int D>
struct Stages;
template <>
struct Stages<64> {
    static constexpr int keys = 2, queries = 4, queries_beside_strips = 3, query_pass = 5, score_product = 5;
};
template <>
struct Stages<128> {
    static constexpr int keys = 1, queries = 3, queries_beside_strips = 3, query_pass = 4, score_product = 4;
};

template <int D, class F>
void launch(const Device& device, cudaStream_t stream, __nv_bfloat16* d_qkv, const __nv_bfloat16* d_out,
            const __nv_bfloat16* out, const float* lse, const float* delta, const __nv_bfloat16* qkv,
            const Work& work, std::int64_t tokens, const AttentionShape& shape, const Rotation& rotation,
            std::byte* workspace) {
    constexpr int M = query_rows(D);
    const auto query_heads = static_cast<int>(shape.query_heads), kv_heads = static_cast<int>(shape.kv_heads);
    const int group = query_heads / kv_heads, tile_tokens = M / group, heads = query_heads + 2 * kv_heads;
    const Workspace parts(work, shape);
    auto* const stats = reinterpret_cast<float*>(workspace + parts.stats);
    auto* const next = reinterpret_cast<int*>(workspace + parts.next);

    const auto length = static_cast<std::uint64_t>(tokens);
    const CUtensorMap query_map = encode_tensor_3d(qkv, D, heads, length, swizzle_width, group, tile_tokens);
    const CUtensorMap tile_map = encode_tensor_3d(qkv, D, heads, length, swizzle_width, 1, key_tile);
    const CUtensorMap d_out_map =
        encode_tensor_3d(d_out, D, query_heads, length, swizzle_width, group, tile_tokens);

    const auto counters = static_cast<int>(parts.counted / sizeof(int));
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
                                .scores = reinterpret_cast<uint4*>(workspace + parts.scores),
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
    // `beside_the_end`: of the kernel before, which must be one of this pass.
    const auto run = [&](bool beside_the_end, auto kernel, int shared_bytes, int items, auto... arguments) {
        allow_shared_memory(kernel, shared_bytes);
        cudaLaunchAttribute overlap{};
        overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
        overlap.val.programmaticStreamSerializationAllowed = 1;
        cudaLaunchConfig_t launch{};
        launch.gridDim = dim3(static_cast<unsigned>(std::min(device.multiprocessors, items)));
        launch.blockDim = dim3(threads);
        launch.dynamicSmemBytes = static_cast<std::size_t>(shared_bytes);
        launch.stream = stream;
        launch.attrs = &overlap;
        launch.numAttrs = beside_the_end ? 1 : 0;
        check(cudaLaunchKernelEx(&launch, kernel, arguments...), "attention backward");
    };
    const auto run_key_pass = [&]<class KeyGradient>(std::type_identity<KeyGradient>) {
        static_assert(KeyGradient::allocated <= 232448);
        const CUtensorMap stats_map = encode_words(
            stats, static_cast<std::uint64_t>(work.query_tiles()) * kv_heads * KeyGradient::stat_words,
            KeyGradient::stat_box);
        run(true, key_gradient_kernel<KeyGradient, F>, KeyGradient::allocated, work.items(), query_map,
            d_out_map, tile_map, stats_map, parameters);
    };
    constexpr int numbers = row_statistics<F::Windowed>;

    if (work.strips() > 0) {
        using ScoreProduct = ScorePipeline<D, M, Stages<D>::score_product>;
        static_assert(ScoreProduct::allocated <= 232448);
        if (delta != nullptr)
            run_given_statistics<M, F::Windowed>(stream, parameters, delta, work.tile_of_token(), counters);
        else
            run_statistics<D, M, F::Windowed>(stream, parameters, d_out, out, work.tile_of_token(), counters);
        run_key_pass(std::type_identity<
                     KeyPipeline<D, M, Stages<D>::keys, Stages<D>::queries_beside_strips, numbers, true>>{});
        run(true, score_product_kernel<ScoreProduct>, ScoreProduct::allocated, work.query_items(),
            encode_tensor_3d(qkv, D, heads, length, swizzle_width, 1, score_block), parameters);
        return;
    }
    check(cudaMemsetAsync(next, 0, parts.counted, stream), "attention backward, counters");
    using QueryGradient = QueryPipeline<D, M, key_block(D), Stages<D>::query_pass>;
    static_assert(QueryGradient::allocated <= 232448);
    run(false, query_gradient_kernel<QueryGradient, F>, QueryGradient::allocated, work.query_items(),
        query_map, d_out_map,
        encode_tensor_3d(out, D, query_heads, length, swizzle_width, group, tile_tokens),
        encode_tensor_3d(qkv, D, heads, length, swizzle_width, 1, key_block(D)), parameters);
    run_key_pass(
        std::type_identity<KeyPipeline<D, M, Stages<D>::keys, Stages<D>::queries, numbers, false>>{});
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
                        const float* delta, const __nv_bfloat16* qkv, const backward::Work& work,
                        std::int64_t tokens, AttentionShape shape, const Rotation& rotation,
                        void* workspace) {
    require(attention_backward_supports(shape) && (!rotation || (attention_backward_rotates(rotation) &&
                                                                 2 * rotation.planes() <= shape.head_dim)),
            "attention_backward");
    if (tokens == 0) return;
    with_features(work.windowed(), shape.softcap > 0, [&]<class F>(F) {
        const auto run = shape.head_dim == 64 ? backward::launch<64, F> : backward::launch<128, F>;
        run(device, stream, d_qkv, d_out, out, lse, delta, qkv, work, tokens, shape, rotation,
            static_cast<std::byte*>(workspace));
    });
}

}  // namespace wishbone::cuda::sm90
