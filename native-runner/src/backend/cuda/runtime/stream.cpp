#include "backend/cuda/runtime/stream.h"

#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {

Stream::Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate"); }
Stream::~Stream() {
    if (stream_ != nullptr) (void)cudaStreamDestroy(stream_);
}

}  // namespace wishbone::cuda
