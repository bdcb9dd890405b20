#pragma once

#include "core/callbacks.h"
#include "run/device.h"
#include "run/inputs.h"
#include "run/replicas.h"

namespace wishbone {

/// In a process that is not the first: does what the first has all do together, until that is over. Writes nothing. `stop`: whether
/// this process was asked to stop, which the first is told of elsewhere; only evaluations and references end early by it.
void follow(const RunInputs& inputs, Devices& devices, Replicas& replicas, const StopRequested& stop);

}  // namespace wishbone
