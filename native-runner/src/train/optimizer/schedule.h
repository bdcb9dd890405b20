#pragma once

#include <cstdint>
#include <string>

#include "train/options/training_options.h"

namespace wishbone {

/// Learning rate of step `step` (from 0) of `steps`, as transformers' get_constant_schedule_with_warmup,
/// get_linear_schedule_with_warmup, get_cosine_schedule_with_warmup and get_wsd_schedule (linear warm-up, and
/// stable in between) give it after `warmup_steps`, or ceil(warmup_ratio · steps), steps of warm-up. With
/// warm-up the first step's rate is 0, as there.
double learning_rate_at(std::int64_t step, std::int64_t steps, const TrainingOptions& options);

/// Throws Error(bad_input), naming the option in `file`, when warm-up, decay or `sft_steps` are too long for a run
/// of `steps`.
void check_schedule_fits(std::int64_t steps, const TrainingOptions& options, const std::string& file);

}  // namespace wishbone
