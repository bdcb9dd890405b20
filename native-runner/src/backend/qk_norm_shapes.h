#pragma once

#include "backend/backend.h"
#include "backend/require.h"

namespace wishbone {

/// Whether heads and weights of Backend::qk_norm fit each other: a weight for each head, or for all of them together.
inline bool fits_qk_norm(DType dtype, const Tensor& qkv, const Tensor& query_weight, const Tensor& key_weight,
                         const AttentionShape& shape) {
    const std::int64_t heads = shape.query_heads + 2 * shape.kv_heads, dim = shape.head_dim;
    const bool each = query_weight.size() == dim && key_weight.size() == dim;
    const bool together =
        query_weight.size() == shape.query_heads * dim && key_weight.size() == shape.kv_heads * dim;
    return is(qkv, dtype, {qkv.shape[0], heads, dim}) && (each || together) &&
           is(query_weight, dtype, {query_weight.shape[0]}) && is(key_weight, dtype, {key_weight.shape[0]});
}

/// The same for Backend::qk_norm_backward. The gradients of both weights are wanted, or neither.
inline bool fits_qk_norm_backward(DType dtype, const Tensor& d_qkv, const Tensor& d_query_weight,
                                  const Tensor& d_key_weight, const Tensor& qkv, const Tensor& query_weight,
                                  const Tensor& key_weight, const AttentionShape& shape) {
    return fits_qk_norm(dtype, qkv, query_weight, key_weight, shape) &&
           fits_qk_norm(dtype, d_qkv, query_weight, key_weight, shape) && d_qkv.shape[0] == qkv.shape[0] &&
           !d_query_weight == !d_key_weight &&
           (!d_query_weight ||
            (is_f32(d_query_weight, {query_weight.shape[0]}) && is_f32(d_key_weight, {key_weight.shape[0]})));
}

}  // namespace wishbone
