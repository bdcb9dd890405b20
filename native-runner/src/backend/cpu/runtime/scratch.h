#pragma once

#include <cstddef>

#include "backend/backend.h"

namespace wishbone::cpu {

/// Host memory aligned for vectors and, when large, for huge pages. Throws Error(out_of_memory).
Buffer allocate_aligned(std::size_t bytes);

/// Temporary memory of one thread that grows to the largest request and is kept. `reserve` invalidates what
/// was taken before; `take` hands out consecutive 64-byte aligned pieces of it.
class Scratch {
  public:
    void reserve(std::size_t floats) {
        used_ = 0;
        if (floats <= capacity_) return;
        buffer_.reset();
        capacity_ = 0;
        buffer_ = allocate_aligned(floats * sizeof(float));
        capacity_ = floats;
    }

    float* take(std::size_t floats) {
        float* piece = static_cast<float*>(buffer_.get()) + used_;
        used_ += padded(floats);
        return piece;
    }

    /// What `take` uses up for this many floats.
    static constexpr std::size_t padded(std::size_t floats) { return (floats + 15) / 16 * 16; }

  private:
    Buffer buffer_;
    std::size_t capacity_ = 0;
    std::size_t used_ = 0;
};

}  // namespace wishbone::cpu
