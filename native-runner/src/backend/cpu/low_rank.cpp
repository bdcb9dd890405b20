#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/gemm.h"
#include "backend/cpu/require.h"

namespace wishbone::cpu {
namespace {

/// Whether the adapter fits a layer with these outputs and inputs, both of `rows` tokens.
bool fit(const LowRank& adapter, const Tensor& outputs, const Tensor& inputs, const Tensor& h) {
    const std::int64_t rank = adapter.a.shape[0], count = adapter.b.shape[0];
    return outputs.rank == 2 && inputs.rank == 2 && is_f32(adapter.a, {rank, inputs.shape[1]}) &&
           is_f32(adapter.b, {count, rank}) && adapter.first_output >= 0 &&
           adapter.first_output + count <= outputs.shape[1] && outputs.shape[0] == inputs.shape[0] &&
           is_f32(outputs, {outputs.shape[0], outputs.shape[1]}) &&
           is_f32(inputs, {inputs.shape[0], inputs.shape[1]}) && is_f32(h, {inputs.shape[0], rank});
}

}  // namespace

void CpuBackend::low_rank(Tensor out, Tensor h, Tensor x, LowRank adapter) {
    require(fit(adapter, out, x, h), "low_rank");
    const std::int64_t rows = x.shape[0], rank = h.shape[1];
    gemm(pool_, false, true, rows, rank, x.shape[1], x.as<float>(), adapter.a.as<float>(), h.as<float>(), false,
         {.scale = adapter.scale});
    gemm(pool_, false, true, rows, adapter.b.shape[0], rank, h.as<float>(), adapter.b.as<float>(),
         out.as<float>() + adapter.first_output, true, {.c_stride = out.shape[1]});
}

void CpuBackend::low_rank_backward_input(Tensor d_x, Tensor d_h, Tensor d_out, LowRank adapter) {
    require(fit(adapter, d_out, d_x, d_h), "low_rank_backward_input");
    const std::int64_t rows = d_x.shape[0], rank = d_h.shape[1];
    gemm(pool_, false, false, rows, rank, adapter.b.shape[0], d_out.as<float>() + adapter.first_output,
         adapter.b.as<float>(), d_h.as<float>(), false, {.a_stride = d_out.shape[1], .scale = adapter.scale});
    gemm(pool_, false, false, rows, d_x.shape[1], rank, d_h.as<float>(), adapter.a.as<float>(), d_x.as<float>(),
         true);
}

void CpuBackend::low_rank_backward_weight(Tensor d_a, Tensor d_b, Tensor h, Tensor d_h, Tensor d_out, Tensor x,
                                          LowRank adapter) {
    require(fit(adapter, d_out, x, h) && fit(adapter, d_out, x, d_h) &&
                is_f32(d_a, {adapter.a.shape[0], adapter.a.shape[1]}) &&
                is_f32(d_b, {adapter.b.shape[0], adapter.b.shape[1]}),
            "low_rank_backward_weight");
    const std::int64_t rows = x.shape[0], rank = h.shape[1];
    gemm(pool_, false, true, rows, rank, x.shape[1], x.as<float>(), adapter.a.as<float>(), h.as<float>(), false,
         {.scale = adapter.scale});
    gemm(pool_, true, false, adapter.b.shape[0], rank, rows, d_out.as<float>() + adapter.first_output,
         h.as<float>(), d_b.as<float>(), true, {.a_stride = d_out.shape[1]});
    gemm(pool_, true, false, rank, x.shape[1], rows, d_h.as<float>(), x.as<float>(), d_a.as<float>(), true);
}

}  // namespace wishbone::cpu
