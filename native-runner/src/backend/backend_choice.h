#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"

namespace wishbone {

/// Which backend to work on: the `runner` part of run.json, and the flags of the commands.
struct BackendChoice {
    std::string name = "auto";  ///< "cpu", "cuda", or "auto": cuda where it works, else cpu
    int threads = 0;            ///< of the CPU backend; 0 means all cores
    CudaOptions cuda;
    /// How many devices: GPUs from `cuda.device` on, or parts of the CPU, which share its cores where `threads` is 0.
    int devices = 1;
    std::vector<int> cuda_devices = {};  ///< numbers of the GPUs, where they are named one by one
};

/// With "auto" and no usable GPU the reason goes to stderr, in one line, and the CPU is taken. Throws
/// Error(bad_input) when "cuda" is asked for and cannot be had.
std::unique_ptr<Backend> make_backend(const BackendChoice& choice);

/// All the devices that are asked for, on one backend. Only the first GPU is current for the calling thread: others are to work in
/// threads of their own, after Backend::make_current.
std::vector<std::unique_ptr<Backend>> make_backends(const BackendChoice& choice);

}  // namespace wishbone
