#pragma once

#include <cstdint>

#include "train/training_options.h"

namespace wishbone {

/// Learning rate of step `step` (from 0) of `steps`, as transformers' get_constant_schedule_with_warmup,
/// get_linear_schedule_with_warmup and get_cosine_schedule_with_warmup give it after ceil(warmup_ratio ·
/// steps) steps of warm-up. With warm-up the first step's rate is 0, as there.
double learning_rate_at(std::int64_t step, std::int64_t steps, const TrainingOptions& options);

}  // namespace wishbone
