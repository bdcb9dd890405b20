#pragma once

#include <cuda_bf16.h>

#include <cstdint>

/// Thin wrappers over the PTX that compute capability 8.0 and later share: matrix instructions on bf16
/// (mma.sync), their loads from shared memory (ldmatrix) and asynchronous copies into it (cp.async).
/// PTX ISA, "Warp-level matrix instructions" and "Data movement and conversion instructions".
namespace wishbone::cuda::mma {

/// Address in shared memory as the instructions below take it.
__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

/// Copies 16 bytes from global to shared memory in the background; with `valid` false it writes zeros and
/// reads nothing (`from` must still be a mapped address).
__device__ __forceinline__ void copy_async_16(std::uint32_t to, const void* from, bool valid = true) {
    const int bytes = valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes)
                 : "memory");
}

/// Copies 8 bytes, as copy_async_16.
__device__ __forceinline__ void copy_async_8(std::uint32_t to, const void* from, bool valid = true) {
    const int bytes = valid ? 8 : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

/// Closes the group of copies this thread has begun.
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until at most `pending` of this thread's youngest groups are still on their way.
template <int pending>
__device__ __forceinline__ void wait_for_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

/// Four 8x8 matrices of bf16; lane l gives the address of row l % 8 of matrix l / 8.
__device__ __forceinline__ void load_matrices(std::uint32_t (&r)[4], std::uint32_t address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
}
__device__ __forceinline__ void load_matrices_transposed(std::uint32_t (&r)[4], std::uint32_t address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
}

/// c [16, 8] += a [16, 16] · b [16, 8]. In lane l, c[0..1] are row l / 4, columns 2 (l % 4) and one more;
/// c[2..3] the same of row l / 4 + 8.
__device__ __forceinline__ void multiply(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                         std::uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Two floats rounded to bf16, `low` in the lower half.
__device__ __forceinline__ std::uint32_t pack(float low, float high) {
    std::uint32_t packed;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
}

/// The accumulators of two neighbouring 16x8 blocks, rounded to bf16, are the left factor [16, 16] of the
/// next product: no lane needs another lane's values.
__device__ __forceinline__ void pack_factor(std::uint32_t (&a)[4], const float (&left)[4],
                                            const float (&right)[4]) {
    a[0] = pack(left[0], left[1]);
    a[1] = pack(left[2], left[3]);
    a[2] = pack(right[0], right[1]);
    a[3] = pack(right[2], right[3]);
}

/// 2^x; exp2(-infinity) = 0.
__device__ __forceinline__ float exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

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

/// Quotients by a number known only at run time, without a division. Exact below 2^31.
class Divider {
  public:
    Divider() = default;
    explicit Divider(int divisor) : divisor_(divisor) {
        // Round-up method: m = ceil(2^(32 + s) / d) with 2^s < d <= 2^(s + 1).
        while ((2LL << shift_) < divisor) ++shift_;
        if (divisor > 1)
            multiplier_ = static_cast<std::uint32_t>(
                ((std::uint64_t{1} << (32 + shift_)) + static_cast<std::uint64_t>(divisor) - 1) /
                static_cast<std::uint64_t>(divisor));
    }
    __device__ __forceinline__ int quotient(int n) const {
        if (divisor_ == 1) return n;
        return static_cast<int>(__umulhi(static_cast<std::uint32_t>(n), multiplier_) >> shift_);
    }
    __host__ __device__ int divisor() const { return divisor_; }

  private:
    int divisor_ = 1;
    int shift_ = 0;
    std::uint32_t multiplier_ = 0;
};

}  // namespace wishbone::cuda::mma
