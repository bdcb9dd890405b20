#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "core/error.h"

namespace wishbone::cuda {

/// Throws when a call of the CUDA runtime failed: Error(out_of_memory) for a failed allocation, else
/// Error(internal). `what` names the call or the operation. A fault inside a kernel shows at some later call.
inline void check(cudaError_t status, const char* what) {
    if (status == cudaSuccess) return;
    if (status == cudaErrorMemoryAllocation)
        throw Error(ExitCode::out_of_memory, std::string("The GPU has no memory left for ") + what,
                    "cuda backend", "Plan with a smaller bin capacity, or use a smaller model.");
    throw Error(
        ExitCode::internal,
        std::string(what) + " failed: " + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) + ")",
        "cuda backend", "This is a fault of the runner or of the GPU driver, please report it.");
}

/// After a kernel launch.
inline void check_launch(const char* kernel) { check(cudaGetLastError(), kernel); }

}  // namespace wishbone::cuda
