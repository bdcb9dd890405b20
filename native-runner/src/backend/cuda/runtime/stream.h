#pragma once

#include <cuda_runtime_api.h>

namespace wishbone::cuda {

/// A CUDA stream of its own; what other streams do never waits for it.
class Stream {
  public:
    Stream();
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    cudaStream_t get() const { return stream_; }

  private:
    cudaStream_t stream_ = nullptr;
};

}  // namespace wishbone::cuda
