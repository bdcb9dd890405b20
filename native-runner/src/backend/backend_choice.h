#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"

namespace wishbone {

/// Which backend to work on: the `runner` part of run.json, and the flags of the commands.
struct BackendChoice {
    std::string name = "auto";  ///< "cpu", "cuda", or "auto": cuda where it works, else cpu
    int threads = 0;            ///< of the CPU backend; 0 means all cores
    CudaOptions cuda;
};

/// With "auto" and no usable GPU the reason goes to stderr, in one line, and the CPU is taken. Throws
/// Error(bad_input) when "cuda" is asked for and cannot be had.
std::unique_ptr<Backend> make_backend(const BackendChoice& choice);

}  // namespace wishbone
