#include "backend/cpu/matmul/tile_matmul.h"

#include <cstring>

#include "backend/cpu/primitives/vector_math.h"

namespace wishbone::cpu {
namespace {

template <int Lanes>
struct VectorOf {
    typedef float Type __attribute__((vector_size(Lanes * sizeof(float))));
};

// Through memcpy, since the memory need not be aligned as the vector type is; it becomes one move.
template <typename Vector>
WISHBONE_INLINE void load(Vector& to, const float* from) {
    std::memcpy(&to, from, sizeof(Vector));
}
template <typename Vector>
WISHBONE_INLINE void store(float* to, const Vector& from) {
    std::memcpy(to, &from, sizeof(Vector));
}

/// Rows × Vectors·Lanes elements of c in registers; b is read by vectors, a by single elements.
template <int Lanes, int Rows, int Vectors>
WISHBONE_INLINE void block(const TileMatmul& job, std::int64_t row, std::int64_t column) {
    using Vector = typename VectorOf<Lanes>::Type;
    Vector sum[Rows][Vectors] = {};
    const float* a = job.a + row * job.a_row;
    const float* b = job.b + column;
    for (std::int64_t k = 0; k < job.k; ++k, a += job.a_column, b += job.b_row) {
        Vector from_b[Vectors];
#pragma GCC unroll 4
        for (int j = 0; j < Vectors; ++j) load(from_b[j], b + j * Lanes);
#pragma GCC unroll 16
        for (int i = 0; i < Rows; ++i) {
            const float from_a = a[i * job.a_row];
#pragma GCC unroll 4
            for (int j = 0; j < Vectors; ++j) sum[i][j] += from_a * from_b[j];
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
        float* c = job.c + (row + i) * job.c_row + column;
#pragma GCC unroll 4
        for (int j = 0; j < Vectors; ++j) {
            if (job.accumulate) {
                Vector before;
                load(before, c + j * Lanes);
                sum[i][j] += before;
            }
            store(c + j * Lanes, sum[i][j]);
        }
    }
}

/// The rows left over: fewer than Rows.
template <int Lanes, int Rows, int Vectors>
WISHBONE_INLINE void rest(const TileMatmul& job, std::int64_t row, std::int64_t column, std::int64_t rows) {
    if constexpr (Rows > 1) {
        if (rows == Rows - 1)
            block<Lanes, Rows - 1, Vectors>(job, row, column);
        else
            rest<Lanes, Rows - 1, Vectors>(job, row, column, rows);
    }
}

template <int Lanes, int Rows, int Vectors>
WISHBONE_INLINE void column_block(const TileMatmul& job, std::int64_t column) {
    std::int64_t row = 0;
    for (; row + Rows <= job.m; row += Rows) block<Lanes, Rows, Vectors>(job, row, column);
    if (row < job.m) rest<Lanes, Rows, Vectors>(job, row, column, job.m - row);
}

template <int Lanes, int Rows, int Vectors>
WISHBONE_INLINE void run(const TileMatmul& job) {
    std::int64_t column = 0;
    for (; column + Vectors * Lanes <= job.n; column += Vectors * Lanes)
        column_block<Lanes, Rows, Vectors>(job, column);
    if constexpr (Vectors * Lanes > 16)
        for (; column < job.n; column += 16) column_block<Lanes, Rows, 16 / Lanes>(job, column);
}

// Block sizes fill the vector registers of each instruction set (32, 16, 16) without spilling.
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx512f,fma"))) void run_avx512(const TileMatmul& job) { run<16, 8, 2>(job); }
__attribute__((target("avx2,fma"))) void run_avx2(const TileMatmul& job) { run<8, 6, 2>(job); }
#endif
void run_plain(const TileMatmul& job) { run<4, 2, 4>(job); }

}  // namespace

std::vector<TileKernel> tile_kernels() {
    std::vector<TileKernel> kernels;
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) kernels.push_back({"avx512", run_avx512});
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        kernels.push_back({"avx2", run_avx2});
#endif
    kernels.push_back({"plain", run_plain});
    return kernels;
}

void tile_matmul(const TileMatmul& job) {
    static const TileKernel kernel = tile_kernels().front();
    kernel.run(job);
}

}  // namespace wishbone::cpu
