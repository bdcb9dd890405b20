#include "backend/cuda/runtime/device_arrays.h"

namespace wishbone::cuda {

std::size_t DeviceArrays::reserve(std::size_t bytes) {
    constexpr std::size_t alignment = 256;
    const std::size_t place = (image_.size() + alignment - 1) / alignment * alignment;
    image_.resize(place + bytes);
    return place;
}

void DeviceArrays::upload() {
    if (image_.empty()) return;
    memory_ = take_buffer(place_.memory, image_.size());
    place_.staging.upload(memory_.get(), image_.data(), image_.size());
    image_ = {};
}

}  // namespace wishbone::cuda
