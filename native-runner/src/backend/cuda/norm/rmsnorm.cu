#include <algorithm>
#include <bit>
#include <type_traits>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/fp8/e4m3.cuh"
#include "backend/cuda/fp8/operands.h"
#include "backend/cuda/primitives/packed.cuh"
#include "backend/cuda/primitives/partials.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/primitives/warp.cuh"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

// A row is held in registers between the sum over it and its use, so it is read once. Threads hold
// `Vectors` times 8 elements. Rows of other lengths (not a multiple of 8, or very long) are read twice.
// The last rows come first: what wrote them last left those in L2, and what reads the result begins with the first ones.

namespace wishbone::cuda {
namespace {

constexpr int N = bf16_vector;
constexpr int most_vectors = 4;  ///< of a thread

/// Sum over the blockDim.x threads that work on one row (all with the same threadIdx.y); `parts` is shared
/// memory for one number a warp of the block. Every thread of the row gets the same bits.
__device__ float sum_over_row(float value, float* parts) {
    value = warp_sum(value);
    if (blockDim.x == 32) return value;
    const int warps = static_cast<int>(blockDim.x / 32), first = static_cast<int>(threadIdx.y) * warps;
    if (threadIdx.x % 32 == 0) parts[first + threadIdx.x / 32] = value;
    __syncthreads();
    float sum = 0;
    for (int i = 0; i < warps; ++i) sum += parts[first + i];
    return sum;
}

/// In the place of an Fp8Out: the normed row does not go there.
struct NoFp8 {};

template <int Vectors, typename To>
__global__ void add_rmsnorm_kernel(bf16* sum, bf16* out, float* inv_rms, const bf16* x, const bf16* delta,
                                   const bf16* weight, std::int64_t rows, int width, RmsNorm norm,
                                   [[maybe_unused]] To to_fp8) {
    constexpr bool in_fp8 = std::is_same_v<To, Fp8Out>;
    __shared__ float parts[32];
    const std::int64_t row = static_cast<std::int64_t>(gridDim.x - 1 - blockIdx.x) * blockDim.y + threadIdx.y;
    const std::int64_t offset = row * width;
    const int stride = static_cast<int>(blockDim.x) * N, first = static_cast<int>(threadIdx.x) * N;
    float value[Vectors][N];
    float squares = 0;
    if (row < rows) {
        Packed<N> in[Vectors], change[Vectors];
#pragma unroll
        for (int v = 0; v < Vectors; ++v)
            if (first + v * stride < width) {
                in[v] = Packed<N>::load(x + offset + first + v * stride);
                if (delta != nullptr) change[v] = Packed<N>::load(delta + offset + first + v * stride);
            }
#pragma unroll
        for (int v = 0; v < Vectors; ++v)
            if (first + v * stride < width) {
                in[v].unpack(value[v]);
                if (delta != nullptr) {
                    float more[N];
                    change[v].unpack(more);
#pragma unroll
                    for (int j = 0; j < N; ++j) value[v][j] += more[j];
                    // The norm is that of the sum as later operations will read it.
                    const Packed<N> total = Packed<N>::pack(value[v]);
                    total.store(sum + offset + first + v * stride);
                    total.unpack(value[v]);
                }
#pragma unroll
                for (int j = 0; j < N; ++j) squares += value[v][j] * value[v][j];
            }
    }
    const float inverse = rsqrtf(sum_over_row(squares, parts) / static_cast<float>(width) + norm.eps);
    const bool is_row = row < rows;
    if (!in_fp8 && !is_row) return;
    if (is_row && threadIdx.x == 0) inv_rms[row] = inverse;
    [[maybe_unused]] float largest = 0;
#pragma unroll
    for (int v = 0; v < Vectors; ++v)
        if (is_row && first + v * stride < width) {
            float w[N];
            Packed<N>::load(weight + first + v * stride).unpack(w);
#pragma unroll
            for (int j = 0; j < N; ++j) value[v][j] *= inverse * (norm.offset + w[j]);
            if (!in_fp8 || out != nullptr) Packed<N>::pack(value[v]).store(out + offset + first + v * stride);
            if constexpr (in_fp8) largest = fmaxf(largest, largest_of(value[v]));
        }
    if constexpr (in_fp8) {
        __syncthreads();  // `parts` again
        const RowScale scale = RowScale::of(largest_of_row(largest, parts));
        if (is_row && threadIdx.x == 0) to_fp8.scale[row] = scale.scale;
#pragma unroll
        for (int v = 0; v < Vectors; ++v)
            if (is_row && first + v * stride < width)
                *reinterpret_cast<uint2*>(to_fp8.values + offset + first + v * stride) =
                    to_e4m3(value[v], scale.inverse);
    }
}

/// Any length, a block a row.
__global__ void add_rmsnorm_any(bf16* sum, bf16* out, float* inv_rms, const bf16* x, const bf16* delta,
                                const bf16* weight, int width, RmsNorm norm) {
    __shared__ float parts[32];
    const std::int64_t offset = static_cast<std::int64_t>(blockIdx.x) * width;
    const auto at = [&](int i) {
        const float value = __bfloat162float(x[offset + i]);
        return delta == nullptr
                   ? value
                   : __bfloat162float(__float2bfloat16_rn(value + __bfloat162float(delta[offset + i])));
    };
    float squares = 0;
    for (int i = static_cast<int>(threadIdx.x); i < width; i += static_cast<int>(blockDim.x))
        squares += at(i) * at(i);
    const float inverse = rsqrtf(sum_over_row(squares, parts) / static_cast<float>(width) + norm.eps);
    if (threadIdx.x == 0) inv_rms[blockIdx.x] = inverse;
    for (int i = static_cast<int>(threadIdx.x); i < width; i += static_cast<int>(blockDim.x)) {
        const float value = at(i);
        if (delta != nullptr) sum[offset + i] = __float2bfloat16_rn(value);
        out[offset + i] =
            __float2bfloat16_rn(value * (inverse * (norm.offset + __bfloat162float(weight[i]))));
    }
}

// y = x r w with r = (mean(x²) + eps)^-1/2, so dx = r (w dy) - x r³ / H · sum(w dy x) and dw = sum over rows
// of dy x r. A block works on every gridDim.x-th row and sums its share of dw into `partial` [gridDim.x,
// width].
template <int Vectors>
__global__ void __launch_bounds__(512)
    rmsnorm_backward_kernel(bf16* d_x, float* partial, bf16* out, const bf16* d_out, const bf16* x,
                            const float* inv_rms, const bf16* weight, std::int64_t rows, int width,
                            float offset) {
    __shared__ float parts[2][32];  // in turn, so that one barrier a row is enough
    const int stride = static_cast<int>(blockDim.x) * N, first = static_cast<int>(threadIdx.x) * N;
    float d_weight[Vectors][N] = {};
    Packed<N> packed_weight[Vectors], next_x[Vectors], next_dy[Vectors], next_dx[Vectors];
    float next_r = 0;
    const auto fetch = [&](std::int64_t row) {
        const std::int64_t place = row * width + first;
        next_r = inv_rms[row];
#pragma unroll
        for (int v = 0; v < Vectors; ++v)
            if (first + v * stride < width) {
                next_x[v] = Packed<N>::load(x + place + v * stride);
                next_dy[v] = Packed<N>::load(d_out + place + v * stride);
                next_dx[v] = Packed<N>::load(d_x + place + v * stride);
            }
    };
#pragma unroll
    for (int v = 0; v < Vectors; ++v)
        if (first + v * stride < width) packed_weight[v] = Packed<N>::load(weight + first + v * stride);
    fetch(rows - 1 - blockIdx.x);
    int turn = 0;
    for (std::int64_t row = rows - 1 - blockIdx.x; row >= 0; row -= gridDim.x, turn ^= 1) {
        const std::int64_t place = row * width + first;
        const float r = next_r;
        Packed<N> packed_x[Vectors], packed_dy[Vectors], packed_dx[Vectors];
#pragma unroll
        for (int v = 0; v < Vectors; ++v) {
            packed_x[v] = next_x[v];
            packed_dy[v] = next_dy[v];
            packed_dx[v] = next_dx[v];
        }
        if (row >= gridDim.x) fetch(row - gridDim.x);
        float dot = 0;
#pragma unroll
        for (int v = 0; v < Vectors; ++v)
            if (first + v * stride < width) {
                float in[N], dy[N], w[N];
                packed_x[v].unpack(in);
                packed_dy[v].unpack(dy);
                packed_weight[v].unpack(w);
#pragma unroll
                for (int j = 0; j < N; ++j) dot += (offset + w[j]) * dy[j] * in[j];
            }
        const float pull = sum_over_row(dot, parts[turn]) * r * r * r / static_cast<float>(width);
#pragma unroll
        for (int v = 0; v < Vectors; ++v)
            if (first + v * stride < width) {
                float in[N], dy[N], w[N], dx[N], normed[N];
                packed_x[v].unpack(in);
                packed_dy[v].unpack(dy);
                packed_weight[v].unpack(w);
                packed_dx[v].unpack(dx);
#pragma unroll
                for (int j = 0; j < N; ++j) {
                    const float unit = in[j] * r, weight_j = offset + w[j];
                    dx[j] += r * weight_j * dy[j] - in[j] * pull;
                    d_weight[v][j] += dy[j] * unit;
                    normed[j] = in[j] * (r * weight_j);
                }
                Packed<N>::pack(dx).store(d_x + place + v * stride);
                Packed<N>::pack(normed).store(out + place + v * stride);
            }
    }
#pragma unroll
    for (int v = 0; v < Vectors; ++v)
        if (first + v * stride < width) {
            auto* to = reinterpret_cast<float4*>(partial + static_cast<std::int64_t>(blockIdx.x) * width +
                                                 first + v * stride);
            to[0] = make_float4(d_weight[v][0], d_weight[v][1], d_weight[v][2], d_weight[v][3]);
            to[1] = make_float4(d_weight[v][4], d_weight[v][5], d_weight[v][6], d_weight[v][7]);
        }
}

__global__ void rmsnorm_backward_any(bf16* d_x, float* partial, bf16* out, const bf16* d_out, const bf16* x,
                                     const float* inv_rms, const bf16* weight, std::int64_t rows, int width,
                                     float offset) {
    __shared__ float parts[2][32];
    float* d_weight = partial + static_cast<std::int64_t>(blockIdx.x) * width;
    const int first = static_cast<int>(threadIdx.x), stride = static_cast<int>(blockDim.x);
    for (int i = first; i < width; i += stride) d_weight[i] = 0;
    int turn = 0;
    for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x, turn ^= 1) {
        const std::int64_t place = row * width;
        const float r = inv_rms[row];
        float dot = 0;
        for (int i = first; i < width; i += stride)
            dot += (offset + __bfloat162float(weight[i])) * __bfloat162float(d_out[place + i]) *
                   __bfloat162float(x[place + i]);
        const float pull = sum_over_row(dot, parts[turn]) * r * r * r / static_cast<float>(width);
        for (int i = first; i < width; i += stride) {
            const float in = __bfloat162float(x[place + i]), dy = __bfloat162float(d_out[place + i]),
                        w = offset + __bfloat162float(weight[i]);
            d_x[place + i] = __float2bfloat16_rn(__bfloat162float(d_x[place + i]) + r * w * dy - in * pull);
            d_weight[i] += dy * (in * r);
            out[place + i] = __float2bfloat16_rn(in * (r * w));
        }
    }
}

/// Calls `run` with the number of vectors, 1 to most_vectors, as a constant.
template <typename Run>
void with_vectors(int vectors, Run run) {
    switch (vectors) {
        case 1:
            return run(std::integral_constant<int, 1>());
        case 2:
            return run(std::integral_constant<int, 2>());
        case 3:
            return run(std::integral_constant<int, 3>());
        default:
            return run(std::integral_constant<int, most_vectors>());
    }
}

}  // namespace

namespace {

/// Of a row of so many vectors: threads that share it, and rows of a block.
dim3 block_of(std::int64_t vectors) {
    const auto threads =
        std::max(32u, std::bit_ceil(static_cast<unsigned>(divide_up(vectors, most_vectors))));
    return dim3(threads, std::max(1u, 256 / threads));
}

}  // namespace

void CudaBackend::fp8_add_rmsnorm(Fp8Matrix to, Tensor sum, Tensor out, Tensor inv_rms, Tensor x,
                                  Tensor delta, Tensor weight, RmsNorm norm) {
    const std::int64_t rows = x.shape[0], width = x.shape[1], vectors = divide_up(width, N);
    require(is_fp8(to, rows, width) && is_bf16(x, {rows, width}) && (!out || is_bf16(out, {rows, width})) &&
                is_f32(inv_rms, {rows}) && is_bf16(weight, {width}) && vectors <= 1024 * most_vectors &&
                (delta ? is_bf16(delta, {rows, width}) && is_bf16(sum, {rows, width}) : !sum) &&
                vectorised(width, {sum.data, out.data, x.data, delta.data, weight.data}),
            "fp8_add_rmsnorm");
    if (rows == 0 || width == 0) return;
    const dim3 block = block_of(vectors);
    with_vectors(static_cast<int>(divide_up(vectors, block.x)), [&](auto count) {
        add_rmsnorm_kernel<count>
            <<<static_cast<unsigned>(divide_up(rows, block.y)), block, 0, stream_.get()>>>(
                delta ? sum.as<bf16>() : nullptr, out ? out.as<bf16>() : nullptr, inv_rms.as<float>(),
                x.as<bf16>(), delta ? delta.as<bf16>() : nullptr, weight.as<bf16>(), rows,
                static_cast<int>(width), norm, Fp8Out(to));
    });
    check_launch("fp8_add_rmsnorm");
}

void CudaBackend::add_rmsnorm(Tensor sum, Tensor out, Tensor inv_rms, Tensor x, Tensor delta, Tensor weight,
                              RmsNorm norm) {
    const std::int64_t rows = out.shape[0], width = out.shape[1];
    require(is_bf16(x, {rows, width}) && is_bf16(out, {rows, width}) && is_f32(inv_rms, {rows}) &&
                is_bf16(weight, {width}) && width < (1 << 30) &&
                (delta ? is_bf16(delta, {rows, width}) && is_bf16(sum, {rows, width}) : !sum),
            "add_rmsnorm");
    if (rows == 0 || width == 0) return;
    const auto length = static_cast<int>(width);
    bf16* const to = delta ? sum.as<bf16>() : nullptr;
    const bf16* const change = delta ? delta.as<bf16>() : nullptr;
    const std::int64_t vectors = divide_up(width, N);
    if (!vectorised(width, {sum.data, out.data, x.data, delta.data, weight.data}) ||
        vectors > 1024 * most_vectors) {
        add_rmsnorm_any<<<static_cast<unsigned>(rows), 256, 0, stream_.get()>>>(
            to, out.as<bf16>(), inv_rms.as<float>(), x.as<bf16>(), change, weight.as<bf16>(), length, norm);
        return check_launch("add_rmsnorm");
    }
    const dim3 block = block_of(vectors);
    const auto grid = static_cast<unsigned>(divide_up(rows, block.y));
    with_vectors(static_cast<int>(divide_up(vectors, block.x)), [&](auto count) {
        add_rmsnorm_kernel<count><<<grid, block, 0, stream_.get()>>>(to, out.as<bf16>(), inv_rms.as<float>(),
                                                                     x.as<bf16>(), change, weight.as<bf16>(),
                                                                     rows, length, norm, NoFp8());
    });
    check_launch("add_rmsnorm");
}

void CudaBackend::rmsnorm_backward(Tensor d_x, Tensor d_weight, Tensor out, Tensor d_out, Tensor x,
                                   Tensor inv_rms, Tensor weight, RmsNorm norm) {
    const std::int64_t rows = d_x.shape[0], width = d_x.shape[1];
    require(is_bf16(d_x, {rows, width}) && (!d_weight || is_f32(d_weight, {width})) &&
                is_bf16(out, {rows, width}) && is_bf16(d_out, {rows, width}) && is_bf16(x, {rows, width}) &&
                is_f32(inv_rms, {rows}) && is_bf16(weight, {width}) && width < (1 << 30),
            "rmsnorm_backward");
    if (rows == 0 || width == 0) return;
    const auto length = static_cast<int>(width);
    const std::int64_t vectors = divide_up(width, N);
    const bool in_registers = vectorised(width, {d_x.data, out.data, d_out.data, x.data, weight.data}) &&
                              vectors <= 512 * most_vectors;
    // One vector a thread and 1024 threads a multiprocessor were fastest for rows of 1536 to 4096 (measured
    // on an H200, 3.6 to 3.8 TB/s); longer rows take as many vectors as 512 threads need.
    const std::int64_t each = divide_up(vectors, 512);
    const auto threads =
        in_registers ? static_cast<unsigned>(divide_up(divide_up(vectors, each), 32) * 32) : 256u;
    const auto blocks = static_cast<int>(std::min<std::int64_t>(
        rows, static_cast<std::int64_t>(device_.multiprocessors) * std::max(1u, 1024 / threads)));
    auto* partial = static_cast<float*>(
        workspace(static_cast<std::size_t>(blocks) * static_cast<std::size_t>(width) * sizeof(float)));
    if (in_registers)
        with_vectors(static_cast<int>(each), [&](auto count) {
            rmsnorm_backward_kernel<count><<<static_cast<unsigned>(blocks), threads, 0, stream_.get()>>>(
                d_x.as<bf16>(), partial, out.as<bf16>(), d_out.as<bf16>(), x.as<bf16>(), inv_rms.as<float>(),
                weight.as<bf16>(), rows, length, norm.offset);
        });
    else
        rmsnorm_backward_any<<<static_cast<unsigned>(blocks), threads, 0, stream_.get()>>>(
            d_x.as<bf16>(), partial, out.as<bf16>(), d_out.as<bf16>(), x.as<bf16>(), inv_rms.as<float>(),
            weight.as<bf16>(), rows, length, norm.offset);
    check_launch("rmsnorm_backward");
    if (d_weight) add_partials(stream_.get(), d_weight.as<float>(), partial, blocks, length);
}

}  // namespace wishbone::cuda
