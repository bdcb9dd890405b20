// Prefix-masked attention, forward, for Hopper (sm_90a): TMA, wgmma, warp specialization. The mathematics is
// that of FlashAttention (arXiv 2205.14135, 2307.08691, 2407.08608), the mask one integer a key (arXiv
// 2410.01359).
//
// A query tile is 64 rows a computing warpgroup: the query heads of one KV head, next to each other in
// memory, times a few tokens, so that short segments waste little. Its keys are gathered from the ranges of
// tokens it sees (forward/tiles.h). Blocks stay on the device and take one item (query tile, KV head) after
// the other. One thread of warpgroup 0 loads (forward/producer.cuh); in the others, the scores of the next
// key tile are computed while those of the last are weighted, and warpgroups take turns at the matrix units,
// so that one computes exponentials while another multiplies (forward/consumer.cuh).
//
// A sliding window shortens the lists of keys, and hides those that only some queries of the tile no longer
// see; scores are capped before they are hidden. Both are compiled in where they are needed (features.h).

#include <algorithm>

#include "backend/cuda/attention/sm90/features.h"
#include "backend/cuda/attention/sm90/forward.h"
#include "backend/cuda/attention/sm90/forward/config.h"
#include "backend/cuda/attention/sm90/forward/consumer.cuh"
#include "backend/cuda/attention/sm90/forward/parameters.h"
#include "backend/cuda/attention/sm90/forward/pipeline.cuh"
#include "backend/cuda/attention/sm90/forward/producer.cuh"
#include "backend/cuda/attention/sm90/shared_tiles.cuh"
#include "backend/cuda/runtime/check.h"
#include "backend/cuda/runtime/dynamic_shared_memory.h"
#include "backend/require.h"

namespace wishbone::cuda::sm90 {
namespace forward {

template <class C, class F>
__global__ void __launch_bounds__(C::Threads, 1)
    forward_kernel(const __grid_constant__ CUtensorMap query_map,
                   const __grid_constant__ CUtensorMap slot_map, const __grid_constant__ CUtensorMap tile_map,
                   const __grid_constant__ CUtensorMap until_map, const __grid_constant__ Parameters p) {
    extern __shared__ std::uint8_t dynamic[];
    const SharedTiles tiles(dynamic);
    const Pipeline<C> shared{tiles.base, tiles.bytes};

    // Places of a value tile that no load reached yet are multiplied by 0, so they must be numbers.
    for (int i = threadIdx.x; i < C::Stages * C::KeyBytes / 16; i += C::Threads)
        reinterpret_cast<uint4*>(tiles.bytes + C::Value)[i] = make_uint4(0, 0, 0, 0);
    fence_proxy_async();
    if (threadIdx.x == 0) shared.init_barriers();
    __syncthreads();
    static_assert(registers_suffice<C::LoadRegisters, C::ComputeRegisters, C::Groups>);
    if (threadIdx.x < 128) {
        register_dealloc<C::LoadRegisters>();
        if (threadIdx.x == 0) Producer<C>{p, shared, query_map, slot_map, tile_map, until_map}.run();
    } else {
        register_alloc<C::ComputeRegisters>();
        Consumer<C, F>{p, shared}.run();
    }
}

template <class C, class F>
void launch(const Device& device, cudaStream_t stream, __nv_bfloat16* out, float* lse,
            const __nv_bfloat16* qkv, const Work& work, std::int64_t tokens, const AttentionShape& shape) {
    const auto query_heads = static_cast<int>(shape.query_heads), kv_heads = static_cast<int>(shape.kv_heads);
    const int group = query_heads / kv_heads, tile_tokens = C::Rows / group;
    require(work.query_tile() == tile_tokens, "attention");
    const auto map = [&](int heads, int rows) {
        return encode_tensor_3d(qkv, C::D, static_cast<std::uint64_t>(query_heads + 2 * kv_heads),
                                static_cast<std::uint64_t>(tokens), swizzle_width,
                                static_cast<std::uint32_t>(heads), static_cast<std::uint32_t>(rows));
    };
    const Parameters parameters{.items = work.items(),
                                .slots = work.slots(),
                                .counters = work.counters(),
                                .out = out,
                                .lse = lse,
                                .tokens = tokens,
                                .until_stride = work.until_stride(),
                                .item_count = work.item_count(),
                                .query_heads = query_heads,
                                .kv_heads = kv_heads,
                                .group = group,
                                .tile_tokens = tile_tokens,
                                .scale = shape.scale,
                                .scale_log2 = shape.scale * log2_e,
                                .cap = ScoreCap::of(shape.scale, shape.softcap),
                                .first_seen = work.first_seen()};
    allow_shared_memory(forward_kernel<C, F>, C::Allocated);
    forward_kernel<C, F>
        <<<std::min(device.multiprocessors, work.item_count()), C::Threads, C::Allocated, stream>>>(
            map(group, tile_tokens), map(1, Tiles::slot_keys), map(1, C::N),
            encode_words(work.visible_until(), 4 * static_cast<std::uint64_t>(work.until_stride()),
                         Tiles::slot_keys),
            parameters);
    check_launch("attention");
}

}  // namespace forward

bool attention_forward_supports(AttentionShape shape) {
    return forward::has_config(shape.head_dim) && shape.kv_heads > 0 && shape.scale > 0 &&
           shape.query_heads % shape.kv_heads == 0 && shape.query_heads / shape.kv_heads <= 128;
}

void attention_forward(const Device& device, cudaStream_t stream, __nv_bfloat16* out, float* lse,
                       const __nv_bfloat16* qkv, const forward::Work& work, std::int64_t tokens,
                       AttentionShape shape) {
    require(attention_forward_supports(shape), "attention");
    if (tokens == 0) return;
    forward::with_config(shape.head_dim, work.few(), [&]<class C>(C) {
        with_features(work.first_seen() != nullptr, shape.softcap > 0, [&]<class F>(F) {
            forward::launch<C, F>(device, stream, out, lse, qkv, work, tokens, shape);
        });
    });
}

}  // namespace wishbone::cuda::sm90
