#include <algorithm>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/primitives/packed.cuh"
#include "backend/cuda/primitives/partials.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

constexpr int block_threads = 256;
constexpr std::int64_t most_pieces = 256;  ///< of the rows, each summed by itself

/// to = x + delta, delta repeating after `period` elements. A thread has N of them.
template <int N>
__global__ void __launch_bounds__(block_threads)
    add_kernel(bf16* to, const bf16* x, const bf16* delta, std::int64_t count, std::int64_t period) {
    const std::int64_t i = (static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x) * N;
    if (i >= count) return;
    float a[N], b[N];
    Packed<N>::load(x + i).unpack(a);
    Packed<N>::load(delta + i % period).unpack(b);
#pragma unroll
    for (int j = 0; j < N; ++j) a[j] += b[j];
    Packed<N>::pack(a).store(to + i);
}

void launch_add(cudaStream_t stream, bf16* to, const bf16* x, const bf16* delta, std::int64_t count,
                std::int64_t period) {
    if (count == 0) return;
    if (vectorised(period, {to, x, delta}))
        add_kernel<bf16_vector><<<static_cast<unsigned>(divide_up(count, block_threads * bf16_vector)),
                                  block_threads, 0, stream>>>(to, x, delta, count, period);
    else
        add_kernel<1><<<static_cast<unsigned>(divide_up(count, block_threads)), block_threads, 0, stream>>>(
            to, x, delta, count, period);
    check_launch("add");
}

/// partial[piece][column] = sum over the piece's rows; blockIdx.x is the piece of `rows_of_piece` rows.
__global__ void __launch_bounds__(block_threads)
    sum_rows_kernel(float* partial, const bf16* x, std::int64_t rows, std::int64_t width,
                    std::int64_t rows_of_piece) {
    const std::int64_t column = static_cast<std::int64_t>(blockIdx.y) * block_threads + threadIdx.x;
    if (column >= width) return;
    const std::int64_t begin = blockIdx.x * rows_of_piece, end = min(begin + rows_of_piece, rows);
    float sum = 0;
    for (std::int64_t row = begin; row < end; ++row) sum += __bfloat162float(x[row * width + column]);
    partial[blockIdx.x * width + column] = sum;
}

}  // namespace

void CudaBackend::add(Tensor sum, Tensor x, Tensor delta) {
    const std::int64_t rows = x.shape[0], width = x.shape[1];
    require(is_bf16(x, {rows, width}) && is_bf16(sum, {rows, width}) && is_bf16(delta, {rows, width}), "add");
    launch_add(stream_.get(), sum.as<bf16>(), x.as<bf16>(), delta.as<bf16>(), rows * width, rows * width);
}

void CudaBackend::add_bias(Tensor x, Tensor bias) {
    const std::int64_t rows = x.shape[0], width = x.shape[1];
    require(is_bf16(x, {rows, width}) && is_bf16(bias, {width}), "add_bias");
    launch_add(stream_.get(), x.as<bf16>(), x.as<bf16>(), bias.as<bf16>(), rows * width, width);
}

void CudaBackend::bias_backward(Tensor d_bias, Tensor d_out) {
    const std::int64_t rows = d_out.shape[0], width = d_out.shape[1];
    require(is_bf16(d_out, {rows, width}) && is_f32(d_bias, {width}), "bias_backward");
    if (rows == 0 || width == 0) return;
    const std::int64_t rows_of_piece = std::max<std::int64_t>(divide_up(rows, most_pieces), 16),
                       pieces = divide_up(rows, rows_of_piece);
    auto* const partial = static_cast<float*>(
        workspace(static_cast<std::size_t>(pieces) * static_cast<std::size_t>(width) * sizeof(float)));
    sum_rows_kernel<<<dim3(static_cast<unsigned>(pieces),
                           static_cast<unsigned>(divide_up(width, block_threads))),
                      block_threads, 0, stream_.get()>>>(partial, d_out.as<bf16>(), rows, width,
                                                         rows_of_piece);
    check_launch("sum_rows");
    add_partials(stream_.get(), d_bias.as<float>(), partial, static_cast<int>(pieces), width);
}

}  // namespace wishbone::cuda
