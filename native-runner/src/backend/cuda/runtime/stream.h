#pragma once

#include <cuda_runtime_api.h>

namespace wishbone::cuda {

/// Whose work goes first where that of several streams waits for multiprocessors.
enum class Turn { first, usual, last };

/// A CUDA stream of its own; what other streams do never waits for it.
class Stream {
  public:
    explicit Stream(Turn turn = Turn::usual);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    cudaStream_t get() const { return stream_; }

  private:
    cudaStream_t stream_ = nullptr;
};

}  // namespace wishbone::cuda
