#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/elementwise/gates.cuh"
#include "backend/cuda/fp8/e4m3.cuh"
#include "backend/cuda/fp8/operands.h"
#include "backend/cuda/fp8/rows.h"
#include "backend/cuda/primitives/packed.cuh"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

constexpr int N = bf16_vector;

/// A block a row: the gated row stays in its registers until its largest number is known.
template <int Vectors, Activation activation>
__global__ void __launch_bounds__(1024) glu_kernel(Fp8Out rows, bf16* out, const bf16* gate_up, int width) {
    __shared__ float parts[32];
    const auto row = static_cast<std::int64_t>(blockIdx.x);
    const int stride = static_cast<int>(blockDim.x) * N, first = static_cast<int>(threadIdx.x) * N;
    const bf16* const gate = gate_up + row * 2 * width;
    float product[Vectors][N], largest = 0;
#pragma unroll
    for (int v = 0; v < Vectors; ++v) {
        const int column = first + v * stride;
        if (column >= width) continue;
        float u[N];
        const Packed<N> packed_g = Packed<N>::load(gate + column),
                        packed_u = Packed<N>::load(gate + width + column);
        packed_g.unpack(product[v]);
        packed_u.unpack(u);
#pragma unroll
        for (int i = 0; i < N; ++i) product[v][i] = gate_of<activation>(product[v][i]).value * u[i];
        largest = fmaxf(largest, largest_of(product[v]));
    }
    const RowScale scale = RowScale::of(largest_of_row(largest, parts));
    if (threadIdx.x == 0) rows.scale[row] = scale.scale;
#pragma unroll
    for (int v = 0; v < Vectors; ++v) {
        const int column = first + v * stride;
        if (column >= width) continue;
        if (out != nullptr) Packed<N>::pack(product[v]).store(out + row * width + column);
        *reinterpret_cast<uint2*>(rows.values + row * width + column) = to_e4m3(product[v], scale.inverse);
    }
}

}  // namespace

void CudaBackend::fp8_glu(Fp8Matrix rows, Tensor out, Tensor gate_up, Activation activation) {
    const std::int64_t count = rows.values.shape[0], width = rows.values.shape[1];
    require(is_fp8(rows, count, width) && width % fp8_multiple == 0 && width <= fp8_longest_row &&
                is_bf16(gate_up, {count, 2 * width}) && (!out || is_bf16(out, {count, width})) &&
                vectorised(width, {gate_up.data, out.data}),
            "fp8_glu");
    if (count == 0 || width == 0) return;
    const RowBlock block(width);
    const auto run = [&](auto kernel) {
        kernel<<<static_cast<unsigned>(count), block.threads, 0, stream_.get()>>>(
            Fp8Out(rows), out.as<bf16>(), gate_up.as<bf16>(), static_cast<int>(width));
    };
    with_row_vectors(block.vectors, [&](auto vectors) {
        if (activation == Activation::silu)
            run(glu_kernel<vectors, Activation::silu>);
        else
            run(glu_kernel<vectors, Activation::gelu_tanh>);
    });
    check_launch("fp8_glu");
}

}  // namespace wishbone::cuda
