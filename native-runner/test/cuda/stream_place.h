#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "backend/cuda/runtime/device.h"
#include "backend/cuda/runtime/device_arrays.h"

namespace wishbone::test {

/// Room for the masks of a stream, as a backend has it. To go before the stream does, when its work is done.
class StreamPlace {
  public:
    StreamPlace(const cuda::Device& device, cudaStream_t stream)
        : memory_(std::make_shared<cuda::DeviceMemory>(device.memory)), staging_(stream) {}
    operator cuda::ArrayPlace() { return {memory_, staging_}; }

  private:
    std::shared_ptr<cuda::DeviceMemory> memory_;
    cuda::PinnedStaging staging_;
};

}  // namespace wishbone::test
