#include "backend/cuda/runtime/stream.h"

#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {

Stream::Stream(bool first) {
    int least = 0, greatest = 0;
    if (first)
        check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cudaDeviceGetStreamPriorityRange");
    check(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, greatest), "cudaStreamCreate");
}
Stream::~Stream() {
    if (stream_ != nullptr) (void)cudaStreamDestroy(stream_);
}

}  // namespace wishbone::cuda
