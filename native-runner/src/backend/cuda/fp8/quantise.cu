#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/fp8/e4m3.cuh"
#include "backend/cuda/fp8/operands.h"
#include "backend/cuda/fp8/rows.h"
#include "backend/cuda/primitives/packed.cuh"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

// Rows alone are read once: a block has one in its registers. Where columns are wanted, the matrix is read for the largest of each
// row and column, and then again in tiles, for both.

namespace wishbone::cuda {
namespace {

constexpr int N = bf16_vector;

/// The numbers of a vector of a row, each times what its column has in `factor`, where that is not null.
template <bool Scaled>
__device__ void unpack_scaled(float (&x)[N], const Packed<N>& packed, const float* factor, int column) {
    packed.unpack(x);
    if constexpr (Scaled) {
#pragma unroll
        for (int j = 0; j < N; ++j) x[j] *= factor[column + j];
    }
}

template <int Vectors, bool Scaled>
__global__ void __launch_bounds__(1024)
    quantise_rows(Fp8Out out, const bf16* from, const float* factor, int width) {
    __shared__ float parts[32];
    const std::int64_t offset = static_cast<std::int64_t>(blockIdx.x) * width;
    const int stride = static_cast<int>(blockDim.x) * N, first = static_cast<int>(threadIdx.x) * N;
    Packed<N> packed[Vectors];
#pragma unroll
    for (int v = 0; v < Vectors; ++v)
        if (first + v * stride < width) packed[v] = Packed<N>::load(from + offset + first + v * stride);
    float largest = 0, x[N];
#pragma unroll
    for (int v = 0; v < Vectors; ++v)
        if (first + v * stride < width) {
            unpack_scaled<Scaled>(x, packed[v], factor, first + v * stride);
            largest = fmaxf(largest, largest_of(x));
        }
    const RowScale row = RowScale::of(largest_of_row(largest, parts));
    if (threadIdx.x == 0) out.scale[blockIdx.x] = row.scale;
#pragma unroll
    for (int v = 0; v < Vectors; ++v)
        if (first + v * stride < width) {
            unpack_scaled<Scaled>(x, packed[v], factor, first + v * stride);
            *reinterpret_cast<uint2*>(out.values + offset + first + v * stride) = to_e4m3(x, row.inverse);
        }
}

constexpr int tile = 128;
constexpr int tile_threads = 256;

/// A tile of 128 rows and columns in the registers of a block: a thread has rows 8·(t / 16) to + 7 and columns 8·(t % 16) to + 7,
/// so that 16 lanes have a row, and a thread has 8 numbers of a column to store as one word. Zeros beyond the matrix.
struct Tile {
    float x[8][8];
    int first_row, first_column;  ///< of the thread, in the tile
    std::int64_t row, column;     ///< in the matrix

    __device__ Tile(const bf16* from, std::int64_t rows, std::int64_t columns)
        : first_row(static_cast<int>(threadIdx.x) / 16 * 8),
          first_column(static_cast<int>(threadIdx.x) % 16 * 8),
          row(static_cast<std::int64_t>(blockIdx.y) * tile + first_row),
          column(static_cast<std::int64_t>(blockIdx.x) * tile + first_column) {
        Packed<8> packed[8];
#pragma unroll
        for (int i = 0; i < 8; ++i)
            packed[i] = row + i < rows && column < columns
                            ? Packed<8>::load(from + (row + i) * columns + column)
                            : Packed<8>{make_uint4(0, 0, 0, 0)};
#pragma unroll
        for (int i = 0; i < 8; ++i) packed[i].unpack(x[i]);
    }
};

/// A tile's transpose in shared memory, column by column; 8 bytes more after every 8 columns, so that lanes that write 8 columns
/// apart meet different banks.
struct TransposedTile {
    static constexpr int bytes = tile * tile + 16 * 8;
    static __device__ int place(int column, int row) { return column * tile + column / 8 * 8 + row; }

    /// To the transpose of all, whose rows have `length` numbers, by all threads.
    static __device__ void store(std::uint8_t* to, const unsigned char* from, std::int64_t columns,
                                 std::int64_t length) {
        const int byte = static_cast<int>(threadIdx.x) % 16 * 8;
        const std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * tile + byte;
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            const int in_tile = static_cast<int>(threadIdx.x) / 16 + 16 * i;
            const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * tile + in_tile;
            if (column < columns && row < length)
                *reinterpret_cast<uint2*>(to + column * length + row) =
                    *reinterpret_cast<const uint2*>(from + place(in_tile, byte));
        }
    }
};

/// The largest magnitudes, as bits, which have the same order; both begin as zeros. `of_row` may be null.
__global__ void __launch_bounds__(tile_threads)
    find_largest(unsigned* of_row, unsigned* of_column, const bf16* from, std::int64_t rows,
                 std::int64_t columns) {
    __shared__ float parts[8][tile];
    const Tile here(from, rows, columns);
    if (of_row != nullptr) {
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            float largest = largest_of(here.x[i]);
#pragma unroll
            for (int offset = 8; offset > 0; offset /= 2)
                largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, offset));
            if (here.first_column == 0 && here.row + i < rows)
                atomicMax(of_row + here.row + i, __float_as_uint(largest));
        }
    }
#pragma unroll
    for (int j = 0; j < 8; ++j) {
        float largest = 0;
#pragma unroll
        for (int i = 0; i < 8; ++i) largest = fmaxf(largest, fabsf(here.x[i][j]));
        largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, 16));
        if (threadIdx.x % 32 < 16) parts[threadIdx.x / 32][here.first_column + j] = largest;
    }
    __syncthreads();
    const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * tile + threadIdx.x;
    if (threadIdx.x >= tile || column >= columns) return;
    float largest = 0;
#pragma unroll
    for (int w = 0; w < 8; ++w) largest = fmaxf(largest, parts[w][threadIdx.x]);
    atomicMax(of_column + column, __float_as_uint(largest));
}

/// Both, or the transpose alone. `padded`: rows with the zeros behind them.
__global__ void __launch_bounds__(tile_threads)
    quantise_tiles(Fp8Out by_row, Fp8Out by_column, const unsigned* of_row, const unsigned* of_column,
                   const bf16* from, std::int64_t rows, std::int64_t columns, std::int64_t padded) {
    __shared__ alignas(16) unsigned char transposed[TransposedTile::bytes];
    const Tile here(from, rows, columns);
    if (by_row.values != nullptr) {
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            const std::int64_t row = here.row + i;
            if (row >= rows || here.column >= columns) continue;
            const RowScale scale = RowScale::of(__uint_as_float(of_row[row]));
            *reinterpret_cast<uint2*>(by_row.values + row * columns + here.column) =
                to_e4m3(here.x[i], scale.inverse);
            if (here.column == 0) by_row.scale[row] = scale.scale;
        }
    }
#pragma unroll
    for (int j = 0; j < 8; ++j) {
        const std::int64_t column = here.column + j;
        const RowScale scale = RowScale::of(column < columns ? __uint_as_float(of_column[column]) : 0.0f);
        if (here.row == 0 && column < columns) by_column.scale[column] = scale.scale;
        float x[8];
#pragma unroll
        for (int i = 0; i < 8; ++i) x[i] = here.x[i][j];
        *reinterpret_cast<uint2*>(transposed + TransposedTile::place(here.first_column + j, here.first_row)) =
            to_e4m3(x, scale.inverse);
    }
    __syncthreads();
    TransposedTile::store(by_column.values, transposed, columns, padded);
}

/// a, b, c and d are four bytes of a row each; they become those of a column.
__device__ void transpose_bytes(unsigned& a, unsigned& b, unsigned& c, unsigned& d) {
    const unsigned ab_low = __byte_perm(a, b, 0x5140), ab_high = __byte_perm(a, b, 0x7362),
                   cd_low = __byte_perm(c, d, 0x5140), cd_high = __byte_perm(c, d, 0x7362);
    a = __byte_perm(ab_low, cd_low, 0x5410);
    b = __byte_perm(ab_low, cd_low, 0x7632);
    c = __byte_perm(ab_high, cd_high, 0x5410);
    d = __byte_perm(ab_high, cd_high, 0x7632);
}

__global__ void __launch_bounds__(tile_threads)
    transpose_tiles(Fp8Out to, const std::uint8_t* from, std::int64_t rows, std::int64_t columns) {
    __shared__ alignas(16) unsigned char transposed[TransposedTile::bytes];
    const int first_row = static_cast<int>(threadIdx.x) / 16 * 8,
              first_column = static_cast<int>(threadIdx.x) % 16 * 8;
    const std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * tile + first_row,
                       column = static_cast<std::int64_t>(blockIdx.x) * tile + first_column;
    unsigned left[8], right[8];  // four columns each
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        uint2 word = make_uint2(0, 0);
        if (row + i < rows && column < columns)
            word = *reinterpret_cast<const uint2*>(from + (row + i) * columns + column);
        left[i] = word.x;
        right[i] = word.y;
    }
    for (unsigned* half : {left, right}) {
        transpose_bytes(half[0], half[1], half[2], half[3]);
        transpose_bytes(half[4], half[5], half[6], half[7]);
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {
        *reinterpret_cast<uint2*>(transposed + TransposedTile::place(first_column + j, first_row)) =
            make_uint2(left[j], left[j + 4]);
        *reinterpret_cast<uint2*>(transposed + TransposedTile::place(first_column + 4 + j, first_row)) =
            make_uint2(right[j], right[j + 4]);
    }
    if (blockIdx.y == 0 && threadIdx.x < tile && blockIdx.x * tile + threadIdx.x < columns)
        to.scale[blockIdx.x * tile + threadIdx.x] = 1;
    __syncthreads();
    TransposedTile::store(to.values, transposed, columns, rows);
}

}  // namespace

void CudaBackend::fp8_quantise(Fp8Matrix rows, Fp8Matrix columns, Tensor x) {
    const std::int64_t count = x.shape[0], width = x.shape[1], padded = fp8_padded(count);
    require(is_bf16(x, {count, width}) && width % fp8_multiple == 0 && width <= fp8_longest_row &&
                vectorised(width, {x.data}) && (!rows || is_fp8(rows, count, width)) &&
                (!columns || is_fp8(columns, width, padded)),
            "fp8_quantise");
    if (count == 0 || width == 0) return;
    if (!columns) {
        if (!rows) return;
        const RowBlock block(width);
        with_row_vectors(block.vectors, [&](auto vectors) {
            quantise_rows<vectors, false><<<static_cast<unsigned>(count), block.threads, 0, stream_.get()>>>(
                Fp8Out(rows), x.as<bf16>(), nullptr, static_cast<int>(width));
        });
        return check_launch("fp8_quantise");
    }
    const auto bytes = static_cast<std::size_t>(count + width) * sizeof(unsigned);
    auto* const of_column = static_cast<unsigned*>(workspace(bytes));
    unsigned* const of_row = of_column + width;
    check(cudaMemsetAsync(of_column, 0, bytes, stream_.get()), "cudaMemsetAsync");
    const dim3 grid(static_cast<unsigned>(divide_up(width, tile)),
                    static_cast<unsigned>(divide_up(count, tile)));
    find_largest<<<grid, tile_threads, 0, stream_.get()>>>(rows ? of_row : nullptr, of_column, x.as<bf16>(),
                                                           count, width);
    check_launch("fp8_quantise");
    quantise_tiles<<<grid, tile_threads, 0, stream_.get()>>>(Fp8Out(rows), Fp8Out(columns), of_row, of_column,
                                                             x.as<bf16>(), count, width, padded);
    check_launch("fp8_quantise");
}

void CudaBackend::fp8_quantise_scaled(Fp8Matrix rows, Tensor x, Tensor factor) {
    const std::int64_t count = x.shape[0], width = x.shape[1];
    require(is_bf16(x, {count, width}) && width % fp8_multiple == 0 && width <= fp8_longest_row &&
                vectorised(width, {x.data}) && is_fp8(rows, count, width) && is_f32(factor, {width}),
            "fp8_quantise_scaled");
    if (count == 0 || width == 0) return;
    const RowBlock block(width);
    with_row_vectors(block.vectors, [&](auto vectors) {
        quantise_rows<vectors, true><<<static_cast<unsigned>(count), block.threads, 0, stream_.get()>>>(
            Fp8Out(rows), x.as<bf16>(), factor.as<float>(), static_cast<int>(width));
    });
    check_launch("fp8_quantise_scaled");
}

void CudaBackend::fp8_transpose(Fp8Matrix to, Tensor from) {
    const std::int64_t rows = from.shape[0], columns = from.shape[1];
    require(is(from, DType::e4m3, {rows, columns}) && is_fp8(to, columns, rows) && rows % fp8_multiple == 0 &&
                columns % fp8_multiple == 0,
            "fp8_transpose");
    if (rows == 0 || columns == 0) return;
    const dim3 grid(static_cast<unsigned>(divide_up(columns, tile)),
                    static_cast<unsigned>(divide_up(rows, tile)));
    transpose_tiles<<<grid, tile_threads, 0, stream_.get()>>>(Fp8Out(to), from.as<std::uint8_t>(), rows,
                                                              columns);
    check_launch("fp8_transpose");
}

}  // namespace wishbone::cuda
