#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/matmul/sm90/suits.h"
#include "backend/cuda/rotated/sm90/product.h"
#include "backend/low_rank.h"
#include "backend/require.h"
#include "backend/rope_shapes.h"

namespace wishbone::cuda {

void CudaBackend::rotated_linear(Tensor qkv, Tensor x, Tensor w, const LowRank& adapter, Tensor h,
                                 const Rotation& rotation, AttentionShape shape) {
    const std::int64_t rows = qkv.shape[0], inner = x.shape[1], head_dim = shape.head_dim,
                       heads = shape.query_heads + 2 * shape.kv_heads, columns = heads * head_dim;
    const Tensor flat(qkv.data, qkv.dtype, {rows, columns});
    require(is_bf16(qkv, {rows, heads, head_dim}) && is_bf16(x, {rows, inner}) &&
                is_bf16(w, {columns, inner}) && (!rotation || fits_rope(rotation, rows, shape)) &&
                (!adapter || fits(adapter, DType::bf16, flat, x, h)),
            "rotated_linear");
    if (!rotation || 2 * rotation.planes() != head_dim || (head_dim != 64 && head_dim != 128) ||
        !goes_behind(adapter, h) ||
        !sm90::product::suits(device_, {rows, columns, inner}, sm90::product::tile_columns,
                              {x.data, w.data, qkv.data}))
        return Backend::rotated_linear(qkv, x, w, adapter, h, rotation, shape);
    sm90::rotated_product(device_, stream_.get(), qkv.as<bf16>(), {x.as<bf16>(), w.as<bf16>()},
                          {rows, columns, inner},
                          {.cos = rotation.cos.as<float>(),
                           .sin = rotation.sin.as<float>(),
                           .position = rotation.position.as<std::int32_t>(),
                           .head_dim = head_dim,
                           .turned = (shape.query_heads + shape.kv_heads) * head_dim},
                          behind(adapter, h, x, columns));
}

}  // namespace wishbone::cuda
