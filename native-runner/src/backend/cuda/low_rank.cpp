#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/require.h"

namespace wishbone::cuda {
namespace {

using bf16 = __nv_bfloat16;

/// Whether the adapter fits a layer with these outputs and inputs, both of `rows` tokens.
bool fit(const LowRank& adapter, const Tensor& outputs, const Tensor& inputs, const Tensor& h) {
    const std::int64_t rank = adapter.a.shape[0], count = adapter.b.shape[0];
    return outputs.rank == 2 && inputs.rank == 2 && is_bf16(adapter.a, {rank, inputs.shape[1]}) &&
           is_bf16(adapter.b, {count, rank}) && adapter.first_output >= 0 &&
           adapter.first_output + count <= outputs.shape[1] && outputs.shape[0] == inputs.shape[0] &&
           is_bf16(outputs, {outputs.shape[0], outputs.shape[1]}) &&
           is_bf16(inputs, {inputs.shape[0], inputs.shape[1]}) && is_bf16(h, {inputs.shape[0], rank});
}

/// h = x · aᵀ, times the scale.
Product inner(const Tensor& h, const Tensor& x) {
    const std::int64_t rank = h.shape[1], inputs = x.shape[1];
    return {.transpose_a = true, .m = rank, .n = x.shape[0], .k = inputs, .lda = inputs, .ldb = inputs, .ldd = rank};
}

}  // namespace

void CudaBackend::low_rank(Tensor out, Tensor h, Tensor x, LowRank adapter) {
    require(fit(adapter, out, x, h), "low_rank");
    const std::int64_t rank = h.shape[1];
    matmul_.run(inner(h, x), h.data, adapter.a.as<bf16>(), x.as<bf16>(), adapter.scale);
    matmul_.run({.transpose_a = true,
                 .m = adapter.b.shape[0],
                 .n = x.shape[0],
                 .k = rank,
                 .lda = rank,
                 .ldb = rank,
                 .ldd = out.shape[1],
                 .accumulate = true,
                 .narrow = true},
                out.as<bf16>() + adapter.first_output, adapter.b.as<bf16>(), h.as<bf16>());
}

void CudaBackend::low_rank_backward_input(Tensor d_x, Tensor d_h, Tensor d_out, LowRank adapter) {
    require(fit(adapter, d_out, d_x, d_h), "low_rank_backward_input");
    const std::int64_t rows = d_x.shape[0], rank = d_h.shape[1], inputs = d_x.shape[1];
    matmul_.run({.m = rank,
                 .n = rows,
                 .k = adapter.b.shape[0],
                 .lda = rank,
                 .ldb = d_out.shape[1],
                 .ldd = rank},
                d_h.data, adapter.b.as<bf16>(), d_out.as<bf16>() + adapter.first_output, adapter.scale);
    matmul_.run({.m = inputs,
                 .n = rows,
                 .k = rank,
                 .lda = inputs,
                 .ldb = rank,
                 .ldd = inputs,
                 .accumulate = true,
                 .narrow = true},
                d_x.data, adapter.a.as<bf16>(), d_h.as<bf16>());
}

void CudaBackend::low_rank_backward_weight(Tensor d_a, Tensor d_b, Tensor h, Tensor d_h, Tensor d_out, Tensor x,
                                           LowRank adapter) {
    require(fit(adapter, d_out, x, h) && fit(adapter, d_out, x, d_h) &&
                is_f32(d_a, {adapter.a.shape[0], adapter.a.shape[1]}) &&
                is_f32(d_b, {adapter.b.shape[0], adapter.b.shape[1]}),
            "low_rank_backward_weight");
    const std::int64_t rows = x.shape[0], rank = h.shape[1], inputs = x.shape[1];
    matmul_.run(inner(h, x), h.data, adapter.a.as<bf16>(), x.as<bf16>(), adapter.scale);
    matmul_.run({.transpose_b = true,
                 .m = rank,
                 .n = adapter.b.shape[0],
                 .k = rows,
                 .lda = rank,
                 .ldb = d_out.shape[1],
                 .ldd = rank,
                 .accumulate = true},
                d_b.data, h.as<bf16>(), d_out.as<bf16>() + adapter.first_output);
    matmul_.run({.transpose_b = true,
                 .m = inputs,
                 .n = rank,
                 .k = rows,
                 .lda = inputs,
                 .ldb = rank,
                 .ldd = inputs,
                 .accumulate = true},
                d_a.data, x.as<bf16>(), d_h.as<bf16>());
}

}  // namespace wishbone::cuda
