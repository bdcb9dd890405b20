#pragma once

#include "run/device.h"
#include "run/inputs.h"

namespace wishbone {

/// The rate that a run's steps are compared with, FLOP/s of all devices together, each measured while the others are: that of a large
/// matrix product. In FP8 the layers' linear products have the rate of FP8 and the rest (attention, the head) the usual one: what they
/// come to together, by the plan's required FLOPs.
double ceiling_of(Devices& devices, const RunInputs& inputs);

/// Of the required FLOPs of all bins of a plan, the part that the layers' linear products have.
double linear_share(const Plan& plan, const ModelConfig& config);

}  // namespace wishbone
