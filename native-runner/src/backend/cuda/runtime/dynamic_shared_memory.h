#pragma once

#include <cuda_runtime.h>

#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {

/// Lets a kernel be launched with this many bytes of dynamic shared memory; without it, 48 KiB is the most.
template <typename Kernel>
void allow_shared_memory(Kernel* kernel, int bytes) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
          "cudaFuncSetAttribute");
}

}  // namespace wishbone::cuda
