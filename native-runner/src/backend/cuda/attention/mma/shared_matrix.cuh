#pragma once

#include <cstdint>

namespace wishbone::cuda::mma {

/// A matrix of bf16 in shared memory, rows of `columns` elements without padding, whose 16-byte chunks are
/// permuted within each row so that the 8 rows of an ldmatrix lie in different banks. The matrix begins at a
/// multiple of 128 bytes.
template <int columns>
struct SharedMatrix {
    static_assert(columns % 64 == 0 || columns % 64 == 32);
    static constexpr int row_bytes = columns * 2;
    static constexpr int row_chunks = columns / 8;
    /// Rows of an odd number of 64 bytes alternate between two halves of the banks by themselves.
    static constexpr bool even = columns % 64 == 0;

    __device__ static constexpr std::uint32_t offset(int row, int chunk) {
        const int permuted = even ? chunk ^ (row & 7) : chunk ^ ((row >> 1) & 3);
        return static_cast<std::uint32_t>(row * row_bytes + permuted * 16);
    }

    /// Moves an address of chunk 0 or 1 of any row to chunk + 2 k of the same row.
    __device__ static constexpr std::uint32_t step(std::uint32_t address, int k) {
        return even ? (address ^ static_cast<std::uint32_t>((k & 3) << 5)) + (k >> 2) * 128
                    : (address ^ static_cast<std::uint32_t>((k & 1) << 5)) + (k >> 1) * 64;
    }

    /// What lane `lane` gives to load_matrices for a left factor: 16 rows from `row`, 16 columns; and to
    /// load_matrices_transposed for a right factor stored [k, n]: 16 rows (k) from `row`, 16 columns (n), of
    /// which registers 0, 1 are the first 8 columns.
    __device__ static std::uint32_t rows_first(int lane, int row = 0) {
        return offset(row + (lane & 15), lane >> 4);
    }
    /// What lane `lane` gives to load_matrices for a right factor stored [n, k]: 16 rows (n) from `row`, 16
    /// columns (k), of which registers 0, 1 are the first 8 rows.
    __device__ static std::uint32_t columns_first(int lane, int row = 0) {
        return offset(row + (lane & 7) + ((lane >> 4) << 3), (lane >> 3) & 1);
    }
};

}  // namespace wishbone::cuda::mma
