#pragma once

#include <cstdint>

#include "backend/cpu/runtime/thread_pool.h"

namespace wishbone::cpu {

/// Distances between the rows of the stored matrices (0: rows follow each other), and a factor of the product.
struct GemmOptions {
    std::int64_t a_stride = 0, b_stride = 0, c_stride = 0;
    float scale = 1;
};

/// Row-major sgemm on OpenBLAS on all threads of the pool: c [m,n] = scale · op(a) · op(b) + (accumulate ? c : 0).
/// op(a) is [m,k], op(b) is [k,n]; a transposed operand is stored the other way round.
void gemm(ThreadPool& pool, bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n,
          std::int64_t k, const float* a, const float* b, float* c, bool accumulate,
          GemmOptions options = {});

}  // namespace wishbone::cpu
