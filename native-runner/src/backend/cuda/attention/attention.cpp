#include "backend/cuda/attention/attention.h"

#include <string>

#include "backend/cuda/attention/mask.h"
#include "backend/cuda/attention/sm90/backward.h"
#include "backend/cuda/attention/sm90/forward.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

const CudaAttentionMask& own(const AttentionMask& mask, std::int64_t tokens, const AttentionShape& shape,
                             const char* operation) {
    const auto* const made = dynamic_cast<const CudaAttentionMask*>(&mask);
    require(made != nullptr && made->made_for(tokens, shape), operation);
    return *made;
}

}  // namespace

std::unique_ptr<AttentionMask> make_attention_mask(const Device& device, const ArrayPlace& place,
                                                   std::span<const std::int32_t> visible_until,
                                                   std::span<const std::int32_t> position,
                                                   AttentionShape shape, AttentionPath path) {
    require(visible_until.size() == position.size() && shape.query_heads > 0 && shape.kv_heads > 0 &&
                shape.query_heads % shape.kv_heads == 0 && shape.scale > 0 && shape.softcap >= 0 &&
                shape.window >= 0 &&
                // Rows of one KV head are counted in 32 bits.
                static_cast<std::int64_t>(visible_until.size()) * (shape.query_heads / shape.kv_heads) <
                    (1 << 30),
            "prepare_mask");
    if (!mma::attention_supports(shape.head_dim))
        throw bad_input(
            "Attention heads of size " + std::to_string(shape.head_dim) + " are not supported on CUDA",
            "model", "Head sizes 64, 96, 128 and 256 are; others run on the CPU backend.");
    return std::make_unique<CudaAttentionMask>(device, place, visible_until, position, shape, path);
}

std::size_t attention_backward_workspace(const AttentionMask& mask, std::int64_t tokens,
                                         AttentionShape shape) {
    const CudaAttentionMask& made = own(mask, tokens, shape, "attention_backward_workspace");
    if (made.uses_sm90_backward()) return sm90::attention_backward_workspace(made.sm90_backward(), shape);
    return mma::attention_backward_workspace(tokens, shape.query_heads);
}

bool attention_backward_rotates(const AttentionMask& mask, std::int64_t tokens, AttentionShape shape,
                                const Rotation& rotation) {
    return own(mask, tokens, shape, "attention_backward_rotates").uses_sm90_backward() &&
           sm90::attention_backward_rotates(rotation);
}

void attention_forward(const Device& device, cudaStream_t stream, __nv_bfloat16* out, float* lse,
                       const __nv_bfloat16* qkv, const AttentionMask& mask, std::int64_t tokens,
                       AttentionShape shape) {
    const CudaAttentionMask& made = own(mask, tokens, shape, "attention");
    if (tokens == 0) return;
    if (made.uses_sm90_forward())
        sm90::attention_forward(device, stream, out, lse, qkv, made.sm90_forward(), tokens, shape);
    else
        mma::attention_forward(stream, made.mma().arguments(qkv, shape.scale), out, lse);
}

void attention_backward(const Device& device, cudaStream_t stream, __nv_bfloat16* d_qkv,
                        const __nv_bfloat16* d_out, const __nv_bfloat16* out, const float* lse,
                        const float* delta, const __nv_bfloat16* qkv, const AttentionMask& mask,
                        std::int64_t tokens, AttentionShape shape, const Rotation& rotation,
                        void* workspace) {
    const CudaAttentionMask& made = own(mask, tokens, shape, "attention_backward");
    require(!rotation || attention_backward_rotates(mask, tokens, shape, rotation), "attention_backward");
    if (tokens == 0) return;
    if (made.uses_sm90_backward())
        sm90::attention_backward(device, stream, d_qkv, d_out, out, lse, delta, qkv, made.sm90_backward(),
                                 tokens, shape, rotation, workspace);
    else
        mma::attention_backward(stream, made.mma().arguments(qkv, shape.scale), d_qkv, d_out, out, lse,
                                workspace);
}

}  // namespace wishbone::cuda
