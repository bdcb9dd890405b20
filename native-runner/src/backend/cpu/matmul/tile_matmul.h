#pragma once

#include <cstdint>
#include <vector>

namespace wishbone::cpu {

/// A small matrix product of one thread on matrices that fit the first caches, where the packing of a BLAS
/// would cost more than the product: c [m,n] = a · b + (accumulate ? c : 0). a(i,k) = a[i * a_row + k *
/// a_column], so a may be transposed; b is [k,n] and c [m,n], rows b_row and c_row apart. n is a multiple of
/// 16; c and b are best aligned to 64 bytes.
struct TileMatmul {
    std::int64_t m, n, k;
    const float* a;
    std::int64_t a_row, a_column;
    const float* b;
    std::int64_t b_row;
    float* c;
    std::int64_t c_row;
    bool accumulate;
};

void tile_matmul(const TileMatmul& job);

/// The kernels this processor can run, the one `tile_matmul` takes first.
struct TileKernel {
    const char* instructions;
    void (*run)(const TileMatmul&);
};
std::vector<TileKernel> tile_kernels();

}  // namespace wishbone::cpu
