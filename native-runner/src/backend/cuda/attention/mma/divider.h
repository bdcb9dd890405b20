#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace wishbone::cuda::mma {

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
