#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/gated/sm90/product.h"
#include "backend/cuda/matmul/sm90/suits.h"
#include "backend/low_rank.h"
#include "backend/require.h"

namespace wishbone::cuda {
using sm90::product::suits;

void CudaBackend::gated_linear(Tensor out, Tensor gate_up, Tensor x, Tensor w, const LowRank& adapter,
                               Tensor h, Activation activation, bool keeps) {
    const std::int64_t rows = x.shape[0], inner = x.shape[1], columns = w.shape[0] / 2;
    require(is_bf16(x, {rows, inner}) && is_bf16(w, {2 * columns, inner}) &&
                is_bf16(gate_up, {rows, 2 * columns}) && (!out || is_bf16(out, {rows, columns})) &&
                (!adapter || fits(adapter, DType::bf16, gate_up, x, h)),
            "gated_linear");
    if (!(out || keeps)) return;
    if (!goes_behind(adapter, h) || !suits(device_, {rows, columns, inner}, sm90::product::tile_columns / 2,
                                           {x.data, w.data, out.data, gate_up.data}))
        return Backend::gated_linear(out, gate_up, x, w, adapter, h, activation, keeps);
    sm90::gated_forward(device_, stream_.get(), out.as<bf16>(), keeps ? gate_up.as<bf16>() : nullptr,
                        {x.as<bf16>(), w.as<bf16>()}, {rows, columns, inner}, activation,
                        behind(adapter, h, x, 2 * columns));
}

void CudaBackend::gated_linear_backward_input(Tensor d_gate_up, Tensor out, Tensor d_product, Tensor d_out,
                                              Tensor w, const LowRank& adapter, Tensor d_h, Tensor gate_up,
                                              Activation activation) {
    const std::int64_t rows = d_out.shape[0], inner = d_out.shape[1], columns = w.shape[1];
    require(is_bf16(d_out, {rows, inner}) && is_bf16(w, {inner, columns}) &&
                is_bf16(gate_up, {rows, 2 * columns}) && is_bf16(d_gate_up, {rows, 2 * columns}) &&
                is_bf16(out, {rows, columns}) && is_bf16(d_product, {rows, columns}) &&
                (!adapter || fits(adapter, DType::bf16, d_out, d_product, d_h)),
            "gated_linear_backward_input");
    if (!goes_behind_backward(adapter, d_h) ||
        !suits(device_, {rows, columns, inner}, sm90::product::tile_columns,
               {d_out.data, w.data, out.data, gate_up.data, d_gate_up.data}))
        return Backend::gated_linear_backward_input(d_gate_up, out, d_product, d_out, w, adapter, d_h,
                                                    gate_up, activation);
    sm90::gated_backward(device_, stream_.get(), d_gate_up.as<bf16>(), out.as<bf16>(),
                         {d_out.as<bf16>(), w.as<bf16>()}, gate_up.as<bf16>(), {rows, columns, inner},
                         activation, behind_backward(adapter, d_h, d_out));
}

}  // namespace wishbone::cuda
