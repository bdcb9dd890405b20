#include "backend/cuda/runtime/stream.h"

#include <algorithm>

#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {

Stream::Stream(Turn turn) {
    int least = 0, greatest = 0;
    check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cudaDeviceGetStreamPriorityRange");
    const int priority = turn == Turn::last    ? least
                         : turn == Turn::usual ? std::max(least - 1, greatest)
                                               : greatest;
    check(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, priority), "cudaStreamCreate");
}
Stream::~Stream() {
    if (stream_ != nullptr) (void)cudaStreamDestroy(stream_);
}

}  // namespace wishbone::cuda
