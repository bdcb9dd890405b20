#include "backend/cuda/runtime/device_arrays.h"

#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {

DeviceArrays::~DeviceArrays() {
    // Fails only when the process is on its way out and the driver is gone.
    if (memory_ != nullptr) (void)cudaFreeAsync(memory_, stream_);
}

std::size_t DeviceArrays::reserve(std::size_t bytes) {
    constexpr std::size_t alignment = 256;
    const std::size_t place = (image_.size() + alignment - 1) / alignment * alignment;
    image_.resize(place + bytes);
    return place;
}

void DeviceArrays::upload() {
    if (image_.empty()) return;
    check(cudaMallocAsync(&memory_, image_.size(), stream_), "attention tile lists");
    check(cudaMemcpyAsync(memory_, image_.data(), image_.size(), cudaMemcpyHostToDevice, stream_),
          "upload of attention tile lists");
    image_ = {};
}

}  // namespace wishbone::cuda
