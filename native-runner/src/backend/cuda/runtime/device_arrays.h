#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace wishbone::cuda {

/// Host arrays side by side in one allocation of a stream's memory: one call of the driver to get it, one to
/// fill it. The memory is freed on the same stream. Arrays are 256-byte aligned.
class DeviceArrays {
  public:
    explicit DeviceArrays(cudaStream_t stream) : stream_(stream) {}
    ~DeviceArrays();
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

    /// Throws Error(out_of_memory). The host's image is dropped. CUDA stages copies from pageable memory, but
    /// its documentation ("API synchronization behavior") does not promise for the asynchronous form that
    /// this has happened when the call returns; a pinned block that outlives the copy would need no such
    /// trust.
    void upload();

    /// In device memory, once uploaded.
    template <typename T>
    T* at(std::size_t place) const {
        return reinterpret_cast<T*>(static_cast<std::byte*>(memory_) + place);
    }

  private:
    cudaStream_t stream_;
    void* memory_ = nullptr;
    std::vector<std::byte> image_;
};

}  // namespace wishbone::cuda
