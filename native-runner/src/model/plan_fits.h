#pragma once

#include <string>

#include "model/config.h"
#include "plan/plan.h"

namespace wishbone {

/// Throws Error(bad_input), naming `plan_file`, when the plan has token ids or positions that the model does not have.
void check_plan_fits(const Plan& plan, const std::string& plan_file, const ModelConfig& config);

}  // namespace wishbone
