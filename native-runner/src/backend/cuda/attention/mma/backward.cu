// Prefix-masked attention, backward (arXiv 2205.14135, 2307.08691) on mma.sync, in three kernels without
// atomic additions, so that the same inputs always give the same bits:
//   1. row statistics (row_statistics.cuh): the log-sum-exp in base 2, and sum(d_out · out), side by side;
//   2. gradients of keys and values (key_gradient.cuh): a block per key tile goes through the rows that see
//      it, which lie one after the other. Rows of the score matrix are keys here: a warp owns 16 keys, and
//      what it computes stays in its registers from the scores to the sums;
//   3. gradients of queries (query_gradient.cuh): a block per row tile goes through its keys, as in the
//      forward pass.
// Scores are computed in both 2 and 3: two products more than with atomic additions, and nothing to exchange.

#include "backend/cuda/attention/mma/attention.h"
#include "backend/cuda/attention/mma/backward/arguments.h"
#include "backend/cuda/attention/mma/backward/key_gradient.cuh"
#include "backend/cuda/attention/mma/backward/query_gradient.cuh"
#include "backend/cuda/attention/mma/backward/row_statistics.cuh"
#include "backend/cuda/attention/mma/dispatch.h"
#include "backend/cuda/runtime/check.h"
#include "backend/cuda/runtime/dynamic_shared_memory.h"

namespace wishbone::cuda::mma {
namespace {

template <int head_dim, bool Extended>
void launch(cudaStream_t stream, const BackwardArguments& a, int query_tiles, int key_tiles) {
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
    check_launch("attention_backward, row statistics");
    key_kernel<head_dim, Extended>
        <<<static_cast<unsigned>(key_tiles * a.kv_heads), K::threads, key_bytes, stream>>>(a);
    check_launch("attention_backward, keys");
    query_kernel<head_dim, Extended>
        <<<static_cast<unsigned>(query_tiles * a.kv_heads), Q::threads, Q::shared_bytes, stream>>>(a);
    check_launch("attention_backward, queries");
}

}  // namespace

std::size_t attention_backward_workspace(std::int64_t tokens, std::int64_t query_heads) {
    return static_cast<std::size_t>(tokens * query_heads) * sizeof(Statistics);
}

void attention_backward(cudaStream_t stream, const Attention& a, __nv_bfloat16* d_qkv,
                        const __nv_bfloat16* d_out, const __nv_bfloat16* out, const float* lse,
                        void* workspace) {
    const BackwardArguments arguments{d_qkv,
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
    dispatch(a, [&](auto head_dim, auto extended) {
        launch<head_dim.value, extended.value>(stream, arguments, a.query_tile_count, a.key_tile_count);
    });
}

}  // namespace wishbone::cuda::mma
