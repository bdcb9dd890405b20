// Attention as the backend offers it: heads of sizes without kernels of their own are padded on the way.

#include "backend/cuda/attention/attention.h"
#include "backend/cuda/attention/padded_heads.h"
#include "backend/cuda/cuda_backend.h"
#include "backend/require.h"
#include "backend/rope_shapes.h"

namespace wishbone::cuda {

std::unique_ptr<AttentionMask> CudaBackend::prepare_mask(std::span<const std::int32_t> visible_until,
                                                         std::span<const std::int32_t> position,
                                                         AttentionShape shape) {
    return make_attention_mask(device_, {memory_, staging_}, visible_until, position, padded_heads(shape));
}

void CudaBackend::attention(Tensor out, Tensor lse, Tensor qkv, const AttentionMask& mask,
                            AttentionShape shape) {
    const std::int64_t tokens = qkv.shape[0], heads = shape.query_heads + 2 * shape.kv_heads;
    require(is_bf16(qkv, {tokens, heads, shape.head_dim}) &&
                is_bf16(out, {tokens, shape.query_heads * shape.head_dim}) &&
                is_f32(lse, {shape.query_heads, tokens}),
            "attention");
    if (tokens == 0) return;
    const AttentionShape padded = padded_heads(shape);
    auto *to = out.as<__nv_bfloat16>(), *from = qkv.as<__nv_bfloat16>();
    if (padded.head_dim != shape.head_dim) {
        const std::int64_t qkv_heads = tokens * heads, out_heads = tokens * shape.query_heads;
        const auto size = static_cast<std::size_t>((qkv_heads + out_heads) * padded.head_dim);
        from = static_cast<__nv_bfloat16*>(workspace(size * sizeof(__nv_bfloat16)));
        to = from + qkv_heads * padded.head_dim;
        copy_heads(stream_.get(), from, padded.head_dim, qkv.as<__nv_bfloat16>(), shape.head_dim, qkv_heads);
    }
    attention_forward(device_, stream_.get(), to, lse.as<float>(), from, mask, tokens, padded);
    if (padded.head_dim != shape.head_dim)
        copy_heads(stream_.get(), out.as<__nv_bfloat16>(), shape.head_dim, to, padded.head_dim,
                   tokens * shape.query_heads);
}

void CudaBackend::attention_backward(Tensor d_qkv, Tensor d_out, Tensor out, Tensor lse, Tensor delta,
                                     Tensor qkv, const AttentionMask& mask, AttentionShape shape,
                                     const Rotation& rotation) {
    const std::int64_t tokens = qkv.shape[0], heads = shape.query_heads + 2 * shape.kv_heads,
                       out_size = shape.query_heads * shape.head_dim;
    require(is_bf16(qkv, {tokens, heads, shape.head_dim}) &&
                is_bf16(d_qkv, {tokens, heads, shape.head_dim}) && is_bf16(out, {tokens, out_size}) &&
                is_bf16(d_out, {tokens, out_size}) && is_f32(lse, {shape.query_heads, tokens}) &&
                (!delta || is_f32(delta, {tokens, shape.query_heads})) &&
                (!rotation || fits_rope(rotation, tokens, shape)),
            "attention_backward");
    if (tokens == 0) return;
    const AttentionShape padded = padded_heads(shape);
    const std::size_t kernel_bytes = attention_backward_workspace(mask, tokens, padded);
    const bool rotates = attention_backward_rotates(mask, tokens, padded, rotation);
    const Rotation undone = rotates ? rotation : Rotation();
    if (padded.head_dim == shape.head_dim) {
        cuda::attention_backward(device_, stream_.get(), d_qkv.as<__nv_bfloat16>(), d_out.as<__nv_bfloat16>(),
                                 out.as<__nv_bfloat16>(), lse.as<float>(), delta.as<float>(),
                                 qkv.as<__nv_bfloat16>(), mask, tokens, shape, undone,
                                 workspace(kernel_bytes));
        if (rotation && !rotates) rope(d_qkv, rotation, shape, true);
        return;
    }
    const std::int64_t qkv_heads = tokens * heads, out_heads = tokens * shape.query_heads;
    const auto share_out = [&](Pieces pieces) {
        struct {
            std::byte* scratch;
            __nv_bfloat16 *qkv, *d_qkv, *out, *d_out;
            std::size_t bytes;
        } parts{pieces.take<std::byte>(static_cast<std::int64_t>(kernel_bytes)),
                pieces.take<__nv_bfloat16>(qkv_heads * padded.head_dim),
                pieces.take<__nv_bfloat16>(qkv_heads * padded.head_dim),
                pieces.take<__nv_bfloat16>(out_heads * padded.head_dim),
                pieces.take<__nv_bfloat16>(out_heads * padded.head_dim),
                0};
        parts.bytes = pieces.used();
        return parts;
    };
    const auto parts = share_out(Pieces(workspace(share_out(Pieces()).bytes)));
    const auto pad = [&](__nv_bfloat16* to, Tensor from, std::int64_t count) {
        copy_heads(stream_.get(), to, padded.head_dim, from.as<__nv_bfloat16>(), shape.head_dim, count);
    };
    pad(parts.qkv, qkv, qkv_heads);
    pad(parts.out, out, out_heads);
    pad(parts.d_out, d_out, out_heads);
    cuda::attention_backward(device_, stream_.get(), parts.d_qkv, parts.d_out, parts.out, lse.as<float>(),
                             delta.as<float>(), parts.qkv, mask, tokens, padded, undone, parts.scratch);
    copy_heads(stream_.get(), d_qkv.as<__nv_bfloat16>(), shape.head_dim, parts.d_qkv, padded.head_dim,
               qkv_heads);
    if (rotation && !rotates) rope(d_qkv, rotation, shape, true);
}

}  // namespace wishbone::cuda
