#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/gemm.h"
#include "backend/cpu/require.h"

namespace wishbone::cpu {

void CpuBackend::linear(Tensor out, Tensor x, Tensor w) {
    require(x.rank == 2 && is_f32(w, {out.shape[1], x.shape[1]}) && is_f32(out, {x.shape[0], w.shape[0]}),
            "linear");
    gemm(pool_, false, true, x.shape[0], w.shape[0], w.shape[1], x.as<float>(), w.as<float>(),
         out.as<float>(), false);
}

void CpuBackend::linear_backward_input(Tensor d_x, Tensor d_out, Tensor w) {
    require(d_out.rank == 2 && is_f32(w, {d_out.shape[1], d_x.shape[1]}) &&
                is_f32(d_x, {d_out.shape[0], w.shape[1]}),
            "linear_backward_input");
    gemm(pool_, false, false, d_out.shape[0], w.shape[1], w.shape[0], d_out.as<float>(), w.as<float>(),
         d_x.as<float>(), false);
}

void CpuBackend::linear_backward_weight(Tensor d_w, Tensor d_out, Tensor x) {
    require(d_out.rank == 2 && x.rank == 2 && x.shape[0] == d_out.shape[0] &&
                is_f32(d_w, {d_out.shape[1], x.shape[1]}),
            "linear_backward_weight");
    gemm(pool_, true, false, d_w.shape[0], d_w.shape[1], x.shape[0], d_out.as<float>(), x.as<float>(),
         d_w.as<float>(), true);
}

}  // namespace wishbone::cpu
