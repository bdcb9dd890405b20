#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/matmul/gemm.h"
#include "backend/require.h"

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

void CpuBackend::linear_backward_weight(Tensor d_w, Tensor d_out, Tensor x, bool adds) {
    require(d_out.rank == 2 && x.rank == 2 && x.shape[0] == d_out.shape[0] &&
                is_f32(d_w, {d_out.shape[1], x.shape[1]}),
            "linear_backward_weight");
    gemm(pool_, true, false, d_w.shape[0], d_w.shape[1], x.shape[0], d_out.as<float>(), x.as<float>(),
         d_w.as<float>(), adds);
}

void CpuBackend::add_bias(Tensor x, Tensor bias) {
    require(x.rank == 2 && is_f32(x, {x.shape[0], x.shape[1]}) && is_f32(bias, {x.shape[1]}), "add_bias");
    const std::int64_t width = x.shape[1];
    const auto* from = bias.as<float>();
    pool_.run_rows(x.shape[0], width, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t t = begin; t < end; ++t) {
            float* row = x.as<float>() + t * width;
            for (std::int64_t i = 0; i < width; ++i) row[i] += from[i];
        }
    });
}

void CpuBackend::bias_backward(Tensor d_bias, Tensor d_out) {
    require(d_out.rank == 2 && is_f32(d_out, {d_out.shape[0], d_out.shape[1]}) &&
                is_f32(d_bias, {d_out.shape[1]}),
            "bias_backward");
    const std::int64_t rows = d_out.shape[0], width = d_out.shape[1];
    // Threads share out columns: every sum keeps the order of the rows.
    const std::int64_t parts = threads();
    pool_.run(parts, [&](std::int64_t part, int) {
        const std::int64_t begin = width * part / parts, end = width * (part + 1) / parts;
        auto* to = d_bias.as<float>();
        for (std::int64_t t = 0; t < rows; ++t) {
            const float* row = d_out.as<float>() + t * width;
            for (std::int64_t i = begin; i < end; ++i) to[i] += row[i];
        }
    });
}

}  // namespace wishbone::cpu
