#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "io/json.h"
#include "train/options/training_options.h"

namespace wishbone {

/// Which evaluation was the best so far, and whether none got better for so long that training should stop: the
/// rules of transformers' Trainer and its EarlyStoppingCallback. Part of a checkpoint, so that a resumed run
/// stops where the uninterrupted one does.
class BestModel {
  public:
    /// Takes the metric of an evaluation after `step` steps; true when it is the best so far.
    bool add(std::int64_t step, double metric, const TrainingOptions& options);

    bool should_stop(const TrainingOptions& options) const {
        return options.early_stopping_patience > 0 && without_better_ >= options.early_stopping_patience;
    }
    /// Steps done at the last evaluation, -1 before the first.
    std::int64_t last_step() const { return last_step_; }
    /// Steps done at the best one.
    std::optional<std::int64_t> step() const { return step_; }
    double metric() const { return metric_; }

    nlohmann::ordered_json to_json() const;
    static BestModel from_json(JsonFields fields);

  private:
    std::optional<std::int64_t> step_;
    double metric_ = 0;
    std::int64_t without_better_ = 0, last_step_ = -1;
};

}  // namespace wishbone
