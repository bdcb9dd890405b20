#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "backend/cuda/runtime/device_memory.h"
#include "backend/cuda/runtime/pinned_staging.h"

namespace wishbone::cuda {

/// Where arrays of a stream lie, and how they get there. What is made of it must not outlive it.
struct ArrayPlace {
    std::shared_ptr<DeviceMemory> memory;
    PinnedStaging& staging;
};

/// Host arrays side by side in one piece of a stream's memory. Nothing waits for the device: the arrays go there, and the piece is
/// used again, in the order of the stream. Arrays are 256-byte aligned.
class DeviceArrays {
  public:
    explicit DeviceArrays(ArrayPlace place) : place_(std::move(place)) {}
    DeviceArrays(const DeviceArrays&) = delete;
    DeviceArrays& operator=(const DeviceArrays&) = delete;

    /// Returns where the array will lie, for `at`.
    template <typename T>
    std::size_t add(std::span<const T> array) {
        const std::size_t place = reserve(array.size_bytes());
        if (!array.empty()) std::memcpy(image_.data() + place, array.data(), array.size_bytes());
        return place;
    }
    template <typename T>
    std::size_t add(const std::vector<T>& array) {
        return add(std::span<const T>(array));
    }
    /// The same for `bytes` of zeros.
    std::size_t reserve(std::size_t bytes);

    /// Throws Error(out_of_memory). The host's image is dropped.
    void upload();

    /// In device memory, once uploaded.
    template <typename T>
    T* at(std::size_t place) const {
        return reinterpret_cast<T*>(static_cast<std::byte*>(memory_.get()) + place);
    }

  private:
    ArrayPlace place_;
    Buffer memory_;
    std::vector<std::byte> image_;
};

}  // namespace wishbone::cuda
