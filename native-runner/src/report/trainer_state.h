#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

namespace wishbone {

/// What a state says beyond the log.
struct TrainerStateFacts {
    std::int64_t steps_done = 0, steps = 0;
    std::optional<std::int64_t> best_step = {};  ///< of the best evaluation, if there was one
    double best_metric = 0;
    std::int64_t eval_steps = 0, save_steps = 0;
};

/// A run's log as tools read it that know transformers' Trainer: the fields of its `TrainerState`. `log_history` has an
/// entry a step and evaluation, in their order; of a step that was done again the later one. Wishbone's own fields of
/// events (tokens, flops, ...) stay in it.
nlohmann::ordered_json trainer_state(const std::filesystem::path& events_file,
                                     const TrainerStateFacts& facts);

}  // namespace wishbone
