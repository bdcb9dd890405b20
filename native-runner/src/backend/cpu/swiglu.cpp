#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/require.h"
#include "backend/cpu/vector_math.h"

namespace wishbone::cpu {
namespace {

WISHBONE_CLONES
void forward_rows(std::int64_t rows, std::int64_t width, float* out, const float* gate_up) {
    for (std::int64_t t = 0; t < rows; ++t) {
        const float* gate = gate_up + t * 2 * width;
        const float* up = gate + width;
        float* to = out + t * width;
#pragma omp simd
        for (std::int64_t i = 0; i < width; ++i) to[i] = gate[i] * sigmoid_fast(gate[i]) * up[i];
    }
}

WISHBONE_CLONES
void backward_rows(std::int64_t rows, std::int64_t width, float* d_gate_up, float* out, const float* d_out,
                   const float* gate_up) {
    for (std::int64_t t = 0; t < rows; ++t) {
        const float* gate = gate_up + t * 2 * width;
        const float* up = gate + width;
        float* d_gate = d_gate_up + t * 2 * width;
        float* d_up = d_gate + width;
        const float* d = d_out + t * width;
        float* again = out + t * width;
#pragma omp simd
        for (std::int64_t i = 0; i < width; ++i) {
            const float g = gate[i], u = up[i], s = sigmoid_fast(g);
            const float silu = g * s;
            again[i] = silu * u;
            d_gate[i] = d[i] * u * (s + silu * (1.0f - s));
            d_up[i] = d[i] * silu;
        }
    }
}

}  // namespace

void CpuBackend::swiglu(Tensor out, Tensor gate_up) {
    const std::int64_t rows = out.shape[0], width = out.shape[1];
    require(is_f32(out, {rows, width}) && is_f32(gate_up, {rows, 2 * width}), "swiglu");
    pool_.run_rows(rows, 3 * width, [&](std::int64_t begin, std::int64_t end) {
        forward_rows(end - begin, width, out.as<float>() + begin * width,
                     gate_up.as<float>() + begin * 2 * width);
    });
}

void CpuBackend::swiglu_backward(Tensor d_gate_up, Tensor out, Tensor d_out, Tensor gate_up) {
    const std::int64_t rows = out.shape[0], width = out.shape[1];
    require(is_f32(out, {rows, width}) && is_f32(d_out, {rows, width}) &&
                is_f32(gate_up, {rows, 2 * width}) && is_f32(d_gate_up, {rows, 2 * width}),
            "swiglu_backward");
    pool_.run_rows(rows, 6 * width, [&](std::int64_t begin, std::int64_t end) {
        backward_rows(end - begin, width, d_gate_up.as<float>() + begin * 2 * width,
                      out.as<float>() + begin * width, d_out.as<float>() + begin * width,
                      gate_up.as<float>() + begin * 2 * width);
    });
}

}  // namespace wishbone::cpu
