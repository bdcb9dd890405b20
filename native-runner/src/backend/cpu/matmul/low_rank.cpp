#include "backend/low_rank.h"

#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/matmul/gemm.h"
#include "backend/require.h"

namespace wishbone::cpu {

void CpuBackend::adapted_linear(Tensor out, Tensor h, Tensor x, Tensor w, const LowRank& adapter) {
    require(fits(adapter, DType::f32, out, x, h), "adapted_linear");
    const std::int64_t rows = x.shape[0], ranks = h.shape[1], outputs = out.shape[1];
    if (w)
        linear(out, x, w);
    else
        zero(out);
    linear(h, x, adapter.a);
    for_each_branch(adapter, [&](const LowRank::Branch& branch, std::int64_t column) {
        gemm(pool_, false, true, rows, branch.b.shape[0], branch.b.shape[1], h.as<float>() + column,
             branch.b.as<float>(), out.as<float>() + branch.first_output, true,
             {.a_stride = ranks, .c_stride = outputs, .scale = branch.scale});
    });
}

void CpuBackend::adapted_linear_backward_input(Tensor d_x, Tensor d_h, Tensor d_out, Tensor w,
                                               const LowRank& adapter) {
    require(fits(adapter, DType::f32, d_out, d_x, d_h), "adapted_linear_backward_input");
    const std::int64_t rows = d_x.shape[0], ranks = d_h.shape[1], outputs = d_out.shape[1];
    for_each_branch(adapter, [&](const LowRank::Branch& branch, std::int64_t column) {
        gemm(pool_, false, false, rows, branch.b.shape[1], branch.b.shape[0],
             d_out.as<float>() + branch.first_output, branch.b.as<float>(), d_h.as<float>() + column, false,
             {.a_stride = outputs, .c_stride = ranks, .scale = branch.scale});
    });
    if (w) linear_backward_input(d_x, d_out, w);
    gemm(pool_, false, false, rows, d_x.shape[1], ranks, d_h.as<float>(), adapter.a.as<float>(),
         d_x.as<float>(), static_cast<bool>(w));
}

void CpuBackend::low_rank_backward_weight(const LowRank& d_adapter, Tensor d_out, Tensor x, Tensor h,
                                          Tensor d_h, const LowRank& adapter) {
    require(fits(adapter, DType::f32, d_out, x, h) && fits(d_adapter, DType::f32, d_out, x, d_h),
            "low_rank_backward_weight");
    const std::int64_t rows = x.shape[0], ranks = h.shape[1], outputs = d_out.shape[1];
    std::size_t i = 0;
    for_each_branch(adapter, [&](const LowRank::Branch& branch, std::int64_t column) {
        gemm(pool_, true, false, branch.b.shape[0], branch.b.shape[1], rows,
             d_out.as<float>() + branch.first_output, h.as<float>() + column,
             d_adapter.branches[i++].b.as<float>(), true,
             {.a_stride = outputs, .b_stride = ranks, .scale = branch.scale});
    });
    linear_backward_weight(d_adapter.a, d_h, x, true);
}

}  // namespace wishbone::cpu
