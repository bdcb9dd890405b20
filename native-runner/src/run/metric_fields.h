#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "train/trainer.h"

namespace wishbone {

/// Metrics as fields of an event, under TRL's names with `prefix` before each: `loss`, `rewards/chosen` and so on;
/// `nll_loss` and ORPO's odds where `loss` logs them.
nlohmann::ordered_json metric_fields(const PreferenceMetrics& mean, const PreferenceLoss& loss,
                                     const std::string& prefix = "");

/// Per source that has pairs: `pairs`, `loss`, `rewards/margins`, `rewards/accuracies`.
nlohmann::ordered_json source_fields(const std::vector<PairMetrics>& sources,
                                     const std::vector<std::string>& names);

}  // namespace wishbone
