#include <algorithm>
#include <string>

#include "backend/cuda/attention/mma/attention.h"
#include "backend/cuda/attention/padded_heads.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {
namespace {

__global__ void copy_heads_kernel(__nv_bfloat16* out, int out_dim, const __nv_bfloat16* in, int in_dim,
                                  std::int64_t count) {
    const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
    for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
         i += stride) {
        const std::int64_t head = i / out_dim;
        const int d = static_cast<int>(i - head * out_dim);
        out[i] = d < in_dim ? in[head * in_dim + d] : __float2bfloat16(0.0f);
    }
}

}  // namespace

AttentionShape padded_heads(AttentionShape shape) {
    constexpr std::int64_t largest = 256;
    const std::int64_t asked = shape.head_dim;
    while (shape.head_dim <= largest && !mma::attention_supports(shape.head_dim)) ++shape.head_dim;
    if (shape.head_dim > largest)
        throw bad_input("Attention heads of size " + std::to_string(asked) + " are too large for CUDA",
                        "config.json: head_dim",
                        "Use a model with heads of at most 256, or the CPU backend.");
    return shape;
}

void copy_heads(cudaStream_t stream, __nv_bfloat16* out, std::int64_t out_dim, const __nv_bfloat16* in,
                std::int64_t in_dim, std::int64_t heads) {
    constexpr int threads = 256;
    const std::int64_t count = heads * out_dim;
    if (count == 0) return;
    const auto blocks = static_cast<unsigned>(std::min<std::int64_t>(divide_up(count, threads), 1 << 16));
    copy_heads_kernel<<<blocks, threads, 0, stream>>>(out, static_cast<int>(out_dim), in,
                                                      static_cast<int>(in_dim), count);
    check_launch("copy_heads");
}

}  // namespace wishbone::cuda
