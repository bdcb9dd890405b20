#pragma once

#include <cuda_runtime_api.h>

namespace wishbone::cuda {

/// A CUDA stream of its own; what other streams do never waits for it.
class Stream {
  public:
    /// `first`: where both wait for multiprocessors, its work goes before that of other streams.
    explicit Stream(bool first = false);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    cudaStream_t get() const { return stream_; }

  private:
    cudaStream_t stream_ = nullptr;
};

}  // namespace wishbone::cuda
