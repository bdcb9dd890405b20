#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/elementwise/gates.cuh"
#include "backend/cuda/primitives/packed.cuh"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

constexpr int block_threads = 256;

/// blockIdx.x is the row; a thread has N columns. gate_up [rows, 2 · width].
template <int N, Activation activation>
__global__ void __launch_bounds__(block_threads)
    glu_kernel(bf16* out, const bf16* gate_up, std::int64_t width) {
    const std::int64_t column = (static_cast<std::int64_t>(blockIdx.y) * block_threads + threadIdx.x) * N;
    if (column >= width) return;
    const std::int64_t row = blockIdx.x;
    const bf16* gate = gate_up + row * 2 * width + column;
    float g[N], u[N];
    const Packed<N> packed_g = Packed<N>::load(gate), packed_u = Packed<N>::load(gate + width);
    packed_g.unpack(g);
    packed_u.unpack(u);
#pragma unroll
    for (int i = 0; i < N; ++i) g[i] = gate_of<activation>(g[i]).value * u[i];
    Packed<N>::pack(g).store(out + row * width + column);
}

template <int N, Activation activation>
__global__ void __launch_bounds__(block_threads)
    glu_backward_kernel(bf16* d_gate_up, bf16* out, const bf16* d_out, const bf16* gate_up,
                        std::int64_t width) {
    const std::int64_t column = (static_cast<std::int64_t>(blockIdx.y) * block_threads + threadIdx.x) * N;
    if (column >= width) return;
    const std::int64_t row = blockIdx.x;
    const bf16* gate = gate_up + row * 2 * width + column;
    bf16* d_gate = d_gate_up + row * 2 * width + column;
    const Packed<N> packed_g = Packed<N>::load(gate), packed_u = Packed<N>::load(gate + width),
                    packed_d = Packed<N>::load(d_out + row * width + column);
    float g[N], u[N], d[N], again[N];
    packed_g.unpack(g);
    packed_u.unpack(u);
    packed_d.unpack(d);
#pragma unroll
    for (int i = 0; i < N; ++i) {
        const Gate gate = gate_of<activation>(g[i]);
        again[i] = gate.value * u[i];
        g[i] = d[i] * u[i] * gate.slope;
        u[i] = d[i] * gate.value;
    }
    Packed<N>::pack(again).store(out + row * width + column);
    Packed<N>::pack(g).store(d_gate);
    Packed<N>::pack(u).store(d_gate + width);
}

dim3 grid_of(std::int64_t rows, std::int64_t width, int elements) {
    return dim3(static_cast<unsigned>(rows),
                static_cast<unsigned>(divide_up(width, elements * block_threads)));
}

}  // namespace

void CudaBackend::glu(Tensor out, Tensor gate_up, Activation activation) {
    const std::int64_t rows = out.shape[0], width = out.shape[1];
    require(is_bf16(out, {rows, width}) && is_bf16(gate_up, {rows, 2 * width}), "glu");
    if (rows == 0 || width == 0) return;
    const auto run = [&](auto kernel, int elements) {
        kernel<<<grid_of(rows, width, elements), block_threads, 0, stream_.get()>>>(
            out.as<bf16>(), gate_up.as<bf16>(), width);
        check_launch("glu");
    };
    const bool silu = activation == Activation::silu;
    if (vectorised(width, {out.data, gate_up.data}))
        run(silu ? glu_kernel<bf16_vector, Activation::silu> : glu_kernel<bf16_vector, Activation::gelu_tanh>,
            bf16_vector);
    else
        run(silu ? glu_kernel<1, Activation::silu> : glu_kernel<1, Activation::gelu_tanh>, 1);
}

void CudaBackend::glu_backward(Tensor d_gate_up, Tensor out, Tensor d_out, Tensor gate_up,
                               Activation activation) {
    const std::int64_t rows = out.shape[0], width = out.shape[1];
    require(is_bf16(out, {rows, width}) && is_bf16(d_out, {rows, width}) &&
                is_bf16(gate_up, {rows, 2 * width}) && is_bf16(d_gate_up, {rows, 2 * width}),
            "glu_backward");
    if (rows == 0 || width == 0) return;
    const auto run = [&](auto kernel, int elements) {
        kernel<<<grid_of(rows, width, elements), block_threads, 0, stream_.get()>>>(
            d_gate_up.as<bf16>(), out.as<bf16>(), d_out.as<bf16>(), gate_up.as<bf16>(), width);
        check_launch("glu_backward");
    };
    const bool silu = activation == Activation::silu;
    if (vectorised(width, {d_gate_up.data, out.data, d_out.data, gate_up.data}))
        run(silu ? glu_backward_kernel<bf16_vector, Activation::silu>
                 : glu_backward_kernel<bf16_vector, Activation::gelu_tanh>,
            bf16_vector);
    else
        run(silu ? glu_backward_kernel<1, Activation::silu> : glu_backward_kernel<1, Activation::gelu_tanh>,
            1);
}

}  // namespace wishbone::cuda
