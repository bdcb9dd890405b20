#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "run/checkpoint/best_model.h"
#include "train/options/training_options.h"

namespace wishbone {

/// A run's log as tools read it that know transformers' Trainer: the fields of its `TrainerState`. `log_history` has an
/// entry a step and evaluation, in their order; of a step that was done again the later one. Wishbone's own fields of
/// events (tokens, flops, ...) stay in it.
nlohmann::ordered_json trainer_state(const std::filesystem::path& events_file, std::int64_t steps_done,
                                     std::int64_t steps, const BestModel& best, const TrainingOptions& options);

}  // namespace wishbone
