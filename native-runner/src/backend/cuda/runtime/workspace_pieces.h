#pragma once

#include <cstddef>
#include <cstdint>

namespace wishbone::cuda {

/// Hands out consecutive pieces of a workspace, 256-byte aligned; without memory it only counts.
class Pieces {
  public:
    explicit Pieces(void* memory = nullptr) : memory_(static_cast<std::byte*>(memory)) {}

    template <typename T>
    T* take(std::int64_t count) {
        const std::size_t begin = used_;
        used_ += (static_cast<std::size_t>(count) * sizeof(T) + 255) / 256 * 256;
        return memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + begin);
    }
    std::size_t used() const { return used_; }

  private:
    std::byte* memory_;
    std::size_t used_ = 0;
};

}  // namespace wishbone::cuda
