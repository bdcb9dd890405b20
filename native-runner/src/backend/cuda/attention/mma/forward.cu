// Prefix-masked attention, forward: tiles with an online softmax (arXiv 2205.14135, 2307.08691) on mma.sync.
//
// A block handles one tile of rows (tokens times the query heads of a KV head) and goes through the keys its
// tokens see, from its own back to the root. Keys are gathered along the path, so invisible branches cost
// nothing. The next keys are on their way while scores become probabilities, the values while scores are
// made (forward/kernel.cuh).

#include "backend/cuda/attention/mma/attention.h"
#include "backend/cuda/attention/mma/dispatch.h"
#include "backend/cuda/attention/mma/forward/arguments.h"
#include "backend/cuda/attention/mma/forward/kernel.cuh"
#include "backend/cuda/runtime/check.h"
#include "backend/cuda/runtime/dynamic_shared_memory.h"

namespace wishbone::cuda::mma {
namespace {

template <int head_dim, bool Extended>
void launch(cudaStream_t stream, const ForwardArguments& a, int tiles) {
    constexpr int bytes = ForwardSizes<head_dim>::shared_bytes;
    static_assert(bytes <= 99 * 1024);
    allow_shared_memory(attention_kernel<head_dim, Extended>, bytes);
    attention_kernel<head_dim, Extended>
        <<<static_cast<unsigned>(tiles * a.kv_heads), ForwardSizes<head_dim>::threads, bytes, stream>>>(a);
    check_launch("attention_forward");
}

}  // namespace

void attention_forward(cudaStream_t stream, const Attention& a, __nv_bfloat16* out, float* lse) {
    const ForwardArguments arguments{a.qkv,
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
    dispatch(a, [&](auto head_dim, auto extended) {
        launch<head_dim.value, extended.value>(stream, arguments, a.query_tile_count);
    });
}

}  // namespace wishbone::cuda::mma
