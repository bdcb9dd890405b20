#include "backend/cpu/matmul/gemm.h"

#include <cblas.h>
#include <omp.h>

#include <algorithm>
#include <limits>

#include "backend/require.h"

namespace wishbone::cpu {
namespace {

/// How the result is cut into rectangles, one product each.
struct Grid {
    std::int64_t rows, columns;
};

/// Rectangles near squares read least; more of them than threads even out what other programs take from one
/// core. Edges are multiples of `step`, except the last.
constexpr std::int64_t step = 48;

std::int64_t edge(std::int64_t size, std::int64_t i, std::int64_t parts) {
    return i == parts ? size : size * i / parts / step * step;
}

Grid choose_grid(int threads, std::int64_t m, std::int64_t n) {
    constexpr std::int64_t smallest = 256;  // below, copying operands costs more than evenness gains
    Grid best{1, 1};
    double best_cost = std::numeric_limits<double>::infinity();
    for (const std::int64_t parts : {4 * threads, 3 * threads, 2 * threads, threads})
        for (std::int64_t rows = 1; rows <= parts; ++rows) {
            if (parts % rows != 0) continue;
            const std::int64_t columns = parts / rows;
            const bool small = m / rows < smallest || n / columns < smallest;
            if (parts > threads && small) continue;
            const double cost = static_cast<double>(m) / static_cast<double>(rows) +
                                static_cast<double>(n) / static_cast<double>(columns);
            if (cost >= best_cost) continue;
            best = {rows, columns};
            best_cost = cost;
        }
    return best;
}

}  // namespace

void gemm(ThreadPool& pool, bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n,
          std::int64_t k, const float* a, const float* b, float* c, bool accumulate, GemmOptions options) {
    constexpr std::int64_t limit = std::numeric_limits<blasint>::max();
    require(m <= limit && n <= limit && k <= limit, "gemm");
    if (m == 0 || n == 0) return;
    const auto stride = [](std::int64_t given, std::int64_t dense) { return given > 0 ? given : dense; };
    const std::int64_t a_stride = stride(options.a_stride, transpose_a ? m : k),
                       b_stride = stride(options.b_stride, transpose_b ? k : n),
                       c_stride = stride(options.c_stride, n);
    require(std::max({a_stride, b_stride, c_stride}) <= limit, "gemm");
    const Grid grid = choose_grid(pool.threads(), m, n);
    pool.run(grid.rows * grid.columns, [&](std::int64_t index, int) {
        const std::int64_t i = index / grid.columns, j = index % grid.columns;
        const std::int64_t row = edge(m, i, grid.rows), column = edge(n, j, grid.columns);
        const std::int64_t rows = edge(m, i + 1, grid.rows) - row,
                           columns = edge(n, j + 1, grid.columns) - column;
        if (rows == 0 || columns == 0) return;
        // OpenBLAS takes its number of threads from OpenMP's setting of the calling thread. Its own threads
        // wait for each other in the middle of a product, which is slow as soon as another program wants a
        // core.
        if (omp_get_max_threads() != 1) omp_set_num_threads(1);
        cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                    transpose_b ? CblasTrans : CblasNoTrans, static_cast<blasint>(rows),
                    static_cast<blasint>(columns), static_cast<blasint>(k), options.scale,
                    transpose_a ? a + row : a + row * a_stride, static_cast<blasint>(a_stride),
                    transpose_b ? b + column * b_stride : b + column, static_cast<blasint>(b_stride),
                    accumulate ? 1.0f : 0.0f, c + row * c_stride + column, static_cast<blasint>(c_stride));
    });
}

}  // namespace wishbone::cpu
