#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/vector_math.h"
#include "backend/require.h"

namespace wishbone::cpu {
namespace {

struct Gate {
    float value, slope;
};

WISHBONE_INLINE Gate silu(float x) {
    const float s = sigmoid_fast(x), value = x * s;
    return {value, s + value * (1.0f - s)};
}

/// The tanh form of GELU (arXiv 1606.08415): x/2 · (1 + tanh(y)) = x · sigmoid(2y), y = √(2/π) (x + 0.044715
/// x³). With the sigmoid nothing cancels where the tanh is near -1.
WISHBONE_INLINE Gate gelu_tanh(float x) {
    constexpr float a = 1.59576912f, b = 0.044715f;  // 2√(2/π)
    const float s = sigmoid_fast(a * (x + b * x * x * x));
    return {x * s, s + x * s * (1.0f - s) * a * (1.0f + 3.0f * b * x * x)};
}

template <Gate (*gate_of)(float)>
WISHBONE_INLINE void forward(std::int64_t rows, std::int64_t width, float* out, const float* gate_up) {
    for (std::int64_t t = 0; t < rows; ++t) {
        const float* gate = gate_up + t * 2 * width;
        const float* up = gate + width;
        float* to = out + t * width;
#pragma omp simd
        for (std::int64_t i = 0; i < width; ++i) to[i] = gate_of(gate[i]).value * up[i];
    }
}

template <Gate (*gate_of)(float)>
WISHBONE_INLINE void backward(std::int64_t rows, std::int64_t width, float* d_gate_up, float* out,
                              const float* d_out, const float* gate_up) {
    for (std::int64_t t = 0; t < rows; ++t) {
        const float* gate = gate_up + t * 2 * width;
        const float* up = gate + width;
        float* d_gate = d_gate_up + t * 2 * width;
        float* d_up = d_gate + width;
        const float* d = d_out + t * width;
        float* again = out + t * width;
#pragma omp simd
        for (std::int64_t i = 0; i < width; ++i) {
            const float u = up[i];
            const Gate g = gate_of(gate[i]);
            again[i] = g.value * u;
            d_gate[i] = d[i] * u * g.slope;
            d_up[i] = d[i] * g.value;
        }
    }
}

WISHBONE_CLONES
void silu_rows(std::int64_t rows, std::int64_t width, float* out, const float* gate_up) {
    forward<silu>(rows, width, out, gate_up);
}
WISHBONE_CLONES
void gelu_tanh_rows(std::int64_t rows, std::int64_t width, float* out, const float* gate_up) {
    forward<gelu_tanh>(rows, width, out, gate_up);
}
WISHBONE_CLONES
void silu_backward_rows(std::int64_t rows, std::int64_t width, float* d_gate_up, float* out,
                        const float* d_out, const float* gate_up) {
    backward<silu>(rows, width, d_gate_up, out, d_out, gate_up);
}
WISHBONE_CLONES
void gelu_tanh_backward_rows(std::int64_t rows, std::int64_t width, float* d_gate_up, float* out,
                             const float* d_out, const float* gate_up) {
    backward<gelu_tanh>(rows, width, d_gate_up, out, d_out, gate_up);
}

}  // namespace

void CpuBackend::glu(Tensor out, Tensor gate_up, Activation activation) {
    const std::int64_t rows = out.shape[0], width = out.shape[1];
    require(is_f32(out, {rows, width}) && is_f32(gate_up, {rows, 2 * width}), "glu");
    const auto run = activation == Activation::silu ? silu_rows : gelu_tanh_rows;
    pool_.run_rows(rows, 3 * width, [&](std::int64_t begin, std::int64_t end) {
        run(end - begin, width, out.as<float>() + begin * width, gate_up.as<float>() + begin * 2 * width);
    });
}

void CpuBackend::glu_backward(Tensor d_gate_up, Tensor out, Tensor d_out, Tensor gate_up,
                              Activation activation) {
    const std::int64_t rows = out.shape[0], width = out.shape[1];
    require(is_f32(out, {rows, width}) && is_f32(d_out, {rows, width}) &&
                is_f32(gate_up, {rows, 2 * width}) && is_f32(d_gate_up, {rows, 2 * width}),
            "glu_backward");
    const auto run = activation == Activation::silu ? silu_backward_rows : gelu_tanh_backward_rows;
    pool_.run_rows(rows, 6 * width, [&](std::int64_t begin, std::int64_t end) {
        run(end - begin, width, d_gate_up.as<float>() + begin * 2 * width, out.as<float>() + begin * width,
            d_out.as<float>() + begin * width, gate_up.as<float>() + begin * 2 * width);
    });
}

}  // namespace wishbone::cpu
