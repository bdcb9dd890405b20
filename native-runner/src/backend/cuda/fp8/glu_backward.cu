#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/elementwise/gates.cuh"
#include "backend/cuda/fp8/e4m3.cuh"
#include "backend/cuda/fp8/operands.h"
#include "backend/cuda/primitives/packed.cuh"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

// The results are computed twice, for the largest number of each row and column and then to be rounded: reading what they come from
// again takes fewer bytes than writing and reading them in bf16.

namespace wishbone::cuda {
namespace {

constexpr int N = bf16_vector;
constexpr int tile = 128;
constexpr int block_threads = 256;

/// What comes of eight gates, ups and gradients.
struct Gated {
    float d_gate[N], d_up[N], out[N];

    template <Activation activation>
    __device__ static Gated of(const Packed<N>& gate, const Packed<N>& up, const Packed<N>& d_out) {
        float g[N], u[N], d[N];
        gate.unpack(g);
        up.unpack(u);
        d_out.unpack(d);
        Gated result;
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const Gate value = gate_of<activation>(g[i]);
            result.out[i] = value.value * u[i];
            result.d_gate[i] = d[i] * u[i] * value.slope;
            result.d_up[i] = d[i] * value.value;
        }
        return result;
    }
};

/// A block has 128 rows and columns; a thread rows 8·(t / 16) to + 7 and columns 8·(t % 16) to + 7, so that 16 lanes have a row.
struct Place {
    int first_row, first_column;  ///< of the thread, in the tile
    std::int64_t row, column;     ///< in the matrix

    __device__ Place()
        : first_row(static_cast<int>(threadIdx.x) / 16 * 8),
          first_column(static_cast<int>(threadIdx.x) % 16 * 8),
          row(static_cast<std::int64_t>(blockIdx.y) * tile + first_row),
          column(static_cast<std::int64_t>(blockIdx.x) * tile + first_column) {}
};

/// Inputs of a thread's row, zeros beyond the matrix, for which all results are zeros.
struct Inputs {
    Packed<N> gate, up, d_out;

    __device__ static Inputs load(const bf16* gate_up, const bf16* d_out, std::int64_t row,
                                  std::int64_t column, std::int64_t rows, std::int64_t width) {
        constexpr uint4 zero = {0, 0, 0, 0};
        if (row >= rows || column >= width) return {{zero}, {zero}, {zero}};
        const bf16* const gate = gate_up + row * 2 * width + column;
        return {Packed<N>::load(gate), Packed<N>::load(gate + width),
                Packed<N>::load(d_out + row * width + column)};
    }
};

/// The largest magnitudes as bits, which have the same order and begin as zeros: of the gradient's rows, and of the columns of
/// d_gate, d_up and out [3 · width].
template <Activation activation>
__global__ void __launch_bounds__(block_threads)
    find_largest(unsigned* of_row, unsigned* of_column, const bf16* d_out, const bf16* gate_up,
                 std::int64_t rows, std::int64_t width) {
    __shared__ float parts[8][3][tile];
    const Place here;
    float largest[3][N] = {};
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        Inputs in[4];
#pragma unroll
        for (int i = 0; i < 4; ++i)
            in[i] = Inputs::load(gate_up, d_out, here.row + 4 * half + i, here.column, rows, width);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const Gated gated = Gated::of<activation>(in[i].gate, in[i].up, in[i].d_out);
            float of_both = fmaxf(largest_of(gated.d_gate), largest_of(gated.d_up));
#pragma unroll
            for (int j = 0; j < N; ++j) {
                largest[0][j] = fmaxf(largest[0][j], fabsf(gated.d_gate[j]));
                largest[1][j] = fmaxf(largest[1][j], fabsf(gated.d_up[j]));
                largest[2][j] = fmaxf(largest[2][j], fabsf(gated.out[j]));
            }
#pragma unroll
            for (int offset = 8; offset > 0; offset /= 2)
                of_both = fmaxf(of_both, __shfl_xor_sync(0xffffffffu, of_both, offset));
            const std::int64_t row = here.row + 4 * half + i;
            if (here.first_column == 0 && row < rows) atomicMax(of_row + row, __float_as_uint(of_both));
        }
    }
#pragma unroll
    for (int which = 0; which < 3; ++which)
#pragma unroll
        for (int j = 0; j < N; ++j) {
            const float both = fmaxf(largest[which][j], __shfl_xor_sync(0xffffffffu, largest[which][j], 16));
            if (threadIdx.x % 32 < 16) parts[threadIdx.x / 32][which][here.first_column + j] = both;
        }
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < 3 * tile; i += block_threads) {
        const int which = i / tile, in_tile = i % tile;
        const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * tile + in_tile;
        if (column >= width) continue;
        float all = 0;
#pragma unroll
        for (int w = 0; w < 8; ++w) all = fmaxf(all, parts[w][which][in_tile]);
        atomicMax(of_column + which * width + column, __float_as_uint(all));
    }
}

/// Turns four rows of four bytes into four columns.
__device__ __forceinline__ void transpose_bytes(std::uint32_t (&w)[4]) {
    const std::uint32_t a = __byte_perm(w[0], w[1], 0x5140), b = __byte_perm(w[2], w[3], 0x5140),
                        c = __byte_perm(w[0], w[1], 0x7362), d = __byte_perm(w[2], w[3], 0x7362);
    w[0] = __byte_perm(a, b, 0x5410);
    w[1] = __byte_perm(a, b, 0x7632);
    w[2] = __byte_perm(c, d, 0x5410);
    w[3] = __byte_perm(c, d, 0x7632);
}

/// Eight numbers, each times an inverse of its own.
__device__ __forceinline__ uint2 each_to_e4m3(const float (&x)[N], const float (&inverse)[N]) {
    float scaled[N];
#pragma unroll
    for (int j = 0; j < N; ++j) scaled[j] = x[j] * inverse[j];
    return to_e4m3(scaled, 1.0f);
}

/// `padded`: rows with the zeros behind them. `columns` [2 · width, padded] and `out_columns` [width, padded] may be null, both.
template <Activation activation>
__global__ void __launch_bounds__(block_threads, 2)
    glu_backward_kernel(Fp8Out by_row, Fp8Out by_column, Fp8Out out_by_column, const unsigned* of_row,
                        const unsigned* of_column, const bf16* d_out, const bf16* gate_up, std::int64_t rows,
                        std::int64_t width, std::int64_t padded) {
    // A transposed tile, column by column; 8 bytes more after every 8 columns, so that lanes that write 8 columns apart meet
    // different banks.
    __shared__ alignas(16) unsigned char transposed[tile * tile + 16 * 8];
    const auto place = [](int column, int row) { return column * tile + column / 8 * 8 + row; };
    const Place here;
    const bool is_inside = here.column < width, wants_columns = by_column.values != nullptr;
    float inverse[3][N];
#pragma unroll
    for (int which = 0; which < 3; ++which)
#pragma unroll
        for (int j = 0; j < N; ++j) {
            const std::int64_t column = here.column + j;
            const RowScale scale = RowScale::of(
                is_inside && wants_columns ? __uint_as_float(of_column[which * width + column]) : 0.0f);
            inverse[which][j] = scale.inverse;
            if (!is_inside || !wants_columns || here.row != 0) continue;
            float* const to = which < 2 ? by_column.scale + which * width : out_by_column.scale;
            to[column] = scale.scale;
        }
    uint2 by_columns[3][8];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        Inputs in[4];
#pragma unroll
        for (int i = 0; i < 4; ++i)
            in[i] = Inputs::load(gate_up, d_out, here.row + 4 * half + i, here.column, rows, width);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const Gated gated = Gated::of<activation>(in[i].gate, in[i].up, in[i].d_out);
            const std::int64_t row = here.row + 4 * half + i;
            if (row < rows && is_inside) {
                const RowScale scale = RowScale::of(__uint_as_float(of_row[row]));
                std::uint8_t* const to = by_row.values + row * 2 * width + here.column;
                *reinterpret_cast<uint2*>(to) = to_e4m3(gated.d_gate, scale.inverse);
                *reinterpret_cast<uint2*>(to + width) = to_e4m3(gated.d_up, scale.inverse);
                if (here.column == 0) by_row.scale[row] = scale.scale;
            }
            by_columns[0][4 * half + i] = each_to_e4m3(gated.d_gate, inverse[0]);
            by_columns[1][4 * half + i] = each_to_e4m3(gated.d_up, inverse[1]);
            by_columns[2][4 * half + i] = each_to_e4m3(gated.out, inverse[2]);
        }
    }
    if (!wants_columns) return;
    const int byte = static_cast<int>(threadIdx.x) % 16 * 8;
    const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * tile + byte;
#pragma unroll
    for (int which = 0; which < 3; ++which) {
        // Words of four columns: x of the first four, y of the last; of the first four rows, and of the last.
        std::uint32_t quarter[2][2][4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            quarter[0][0][i] = by_columns[which][i].x;
            quarter[0][1][i] = by_columns[which][4 + i].x;
            quarter[1][0][i] = by_columns[which][i].y;
            quarter[1][1][i] = by_columns[which][4 + i].y;
        }
#pragma unroll
        for (int columns = 0; columns < 2; ++columns) {
            transpose_bytes(quarter[columns][0]);
            transpose_bytes(quarter[columns][1]);
#pragma unroll
            for (int j = 0; j < 4; ++j)
                *reinterpret_cast<uint2*>(transposed +
                                          place(here.first_column + 4 * columns + j, here.first_row)) =
                    make_uint2(quarter[columns][0][j], quarter[columns][1][j]);
        }
        __syncthreads();
        std::uint8_t* const to = which < 2 ? by_column.values + which * width * padded : out_by_column.values;
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            const int in_tile = static_cast<int>(threadIdx.x) / 16 + 16 * i;
            const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * tile + in_tile;
            if (column < width && first < padded)
                *reinterpret_cast<uint2*>(to + column * padded + first) =
                    *reinterpret_cast<const uint2*>(transposed + place(in_tile, byte));
        }
        __syncthreads();
    }
}

}  // namespace

void CudaBackend::fp8_glu_backward(Fp8Matrix d_rows, Fp8Matrix d_columns, Fp8Matrix out_columns, Tensor d_out,
                                   Tensor gate_up, Activation activation) {
    const std::int64_t rows = d_out.shape[0], width = d_out.shape[1], padded = fp8_padded(rows);
    require(is_bf16(d_out, {rows, width}) && is_bf16(gate_up, {rows, 2 * width}) &&
                width % fp8_multiple == 0 && vectorised(width, {d_out.data, gate_up.data}) &&
                is_fp8(d_rows, rows, 2 * width) && !d_columns == !out_columns &&
                (!d_columns || (is_fp8(d_columns, 2 * width, padded) && is_fp8(out_columns, width, padded))),
            "fp8_glu_backward");
    if (rows == 0 || width == 0) return;
    const auto bytes = static_cast<std::size_t>(rows + 3 * width) * sizeof(unsigned);
    auto* const of_column = static_cast<unsigned*>(workspace(bytes));
    unsigned* const of_row = of_column + 3 * width;
    check(cudaMemsetAsync(of_column, 0, bytes, stream_.get()), "cudaMemsetAsync");
    const dim3 grid(static_cast<unsigned>(divide_up(width, tile)),
                    static_cast<unsigned>(divide_up(rows, tile)));
    const auto run = [&](auto find, auto kernel) {
        find<<<grid, block_threads, 0, stream_.get()>>>(of_row, of_column, d_out.as<bf16>(),
                                                        gate_up.as<bf16>(), rows, width);
        check_launch("fp8_glu_backward");
        kernel<<<grid, block_threads, 0, stream_.get()>>>(
            Fp8Out(d_rows), Fp8Out(d_columns), Fp8Out(out_columns), of_row, of_column, d_out.as<bf16>(),
            gate_up.as<bf16>(), rows, width, padded);
        check_launch("fp8_glu_backward");
    };
    if (activation == Activation::silu)
        run(find_largest<Activation::silu>, glu_backward_kernel<Activation::silu>);
    else
        run(find_largest<Activation::gelu_tanh>, glu_backward_kernel<Activation::gelu_tanh>);
}

}  // namespace wishbone::cuda
