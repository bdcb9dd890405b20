#include "backend/cuda/attention_out/sm90/product.h"
#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/matmul/sm90/suits.h"
#include "backend/low_rank.h"
#include "backend/require.h"

namespace wishbone::cuda {

bool CudaBackend::attention_out_backward_input(Tensor d_attention, Tensor delta, Tensor d_out, Tensor w,
                                               const LowRank& adapter, Tensor d_h, Tensor attention) {
    require(delta.rank == 2 && delta.shape[1] > 0, "attention_out_backward_input");
    const std::int64_t rows = d_out.shape[0], inner = d_out.shape[1], columns = w.shape[1],
                       head_dim = columns / delta.shape[1];
    require(is_bf16(d_out, {rows, inner}) && is_bf16(w, {inner, columns}) &&
                is_bf16(d_attention, {rows, columns}) && is_bf16(attention, {rows, columns}) &&
                is_f32(delta, {rows, delta.shape[1]}) && columns == head_dim * delta.shape[1] &&
                (!adapter || fits(adapter, DType::bf16, d_out, d_attention, d_h)),
            "attention_out_backward_input");
    if ((head_dim != 64 && head_dim != 128) || !goes_behind_backward(adapter, d_h) ||
        !sm90::product::suits(device_, {rows, columns, inner}, sm90::product::tile_columns,
                              {d_out.data, w.data, attention.data, d_attention.data}))
        return Backend::attention_out_backward_input(d_attention, delta, d_out, w, adapter, d_h, attention);
    sm90::attention_out_backward(device_, stream_.get(), d_attention.as<bf16>(), delta.as<float>(),
                                 {d_out.as<bf16>(), w.as<bf16>()}, attention.as<bf16>(),
                                 {rows, columns, inner}, head_dim, behind_backward(adapter, d_h, d_out));
    return true;
}

}  // namespace wishbone::cuda
