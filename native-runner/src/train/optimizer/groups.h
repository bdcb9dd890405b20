#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "model/named_tensors.h"
#include "train/options/training_options.h"

namespace wishbone {

/// Parameters that lie side by side and are updated alike: elements [begin, end) of `NamedTensors::flat`.
struct OptimizerGroup {
    std::int64_t begin = 0, end = 0;
    double learning_rate_factor = 1;  ///< of the run's learning rate
    double weight_decay = 0;
};

/// The whole model in groups: matrices decay, norms do not, as in transformers' Trainer; `parameter_groups` says
/// otherwise for the names that match. Throws Error(bad_input) for a pattern that matches no parameter.
std::vector<OptimizerGroup> optimizer_groups(const NamedTensors& parameters, const TrainingOptions& options);

/// `*` in the pattern stands for any text, also none.
bool matches(std::string_view pattern, std::string_view name);

}  // namespace wishbone
