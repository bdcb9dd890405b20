#pragma once

#include <cstdint>
#include <vector>

#include "backend/backend.h"
#include "model/recompute.h"
#include "plan/plan.h"
#include "run/inputs.h"

namespace wishbone {

/// Has the device do what the steps of the run will do, with a model of few layers that means nothing: kernels are loaded, and
/// which algorithms are fastest for products of its sizes is found out, so that steps are as fast from the first one on as later.
/// Before the run's own model takes its memory, of which this needs a part. False when it could not be done: there is no room, or
/// an adapter that fits no model of few layers. `recompute`: of the run.
bool rehearse(const RunInputs& inputs, Backend& backend, RecomputePlan recompute);

/// Fewest bins of a class of sizes that it is tried out for: trying takes about as long as a bin, and saves some hundredths of each.
constexpr std::int64_t least_bins_to_try = 16;

/// Bins that between them have a length, and a number of rows that the head reads, of every class (length_class.h) that so many bins of
/// the plan have, and of the longest bin; that one first. What is rarer is done as what is like it.
std::vector<std::int64_t> bins_of_usual_sizes(const Plan& plan);

}  // namespace wishbone
