#pragma once

#include <memory>

#include "backend/backend.h"
#include "run/inputs.h"
#include "run/process/run_lock.h"

namespace wishbone {

/// The backend that run.json asks for. The number of threads decides the last bits of sums on the CPU, so the first process
/// writes what it took into run.json, and a resume takes the same. Throws Error(bad_input) when the run asks for something
/// that the backend cannot do.
std::unique_ptr<Backend> open_device(const RunInputs& inputs, const RunLock& lock);

}  // namespace wishbone
