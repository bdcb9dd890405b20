#pragma once

#include <filesystem>

#include "io/json.h"
#include "train/options/training_options.h"

namespace wishbone {

/// `training` of run.json (docs/formats.md). Relative folders count from the run folder. Throws Error(bad_input)
/// naming the field for values out of range and for options that contradict each other.
TrainingOptions read_training(JsonFields fields, const std::filesystem::path& run_folder);

}  // namespace wishbone
