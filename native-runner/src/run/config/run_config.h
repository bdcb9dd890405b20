#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "backend/backend_choice.h"
#include "model/precision.h"
#include "model/recompute.h"
#include "train/optimizer/offload.h"
#include "train/options/training_options.h"
#include "train/ranks/sharding.h"

namespace wishbone {

/// `run.json` of a run folder, version 1 (docs/formats.md).
struct RunConfig {
    std::string id;
    std::filesystem::path model;
    std::filesystem::path own_files;  ///< that an export has instead of the model's; there may be none
    std::int64_t seed = 0;            ///< of the plan; a new adapter starts from it too
    TrainingOptions training;
    std::string
        training_text;  ///< `training` as compact JSON with sorted keys: equal texts mean equal training
    BackendChoice backend;
    std::optional<Recompute> recompute;  ///< of every layer; none: as little as fits
    Precision precision = Precision::bf16;
    std::optional<Sharding> shard;  ///< what several devices share out; none: as little as fits
    Offload offload;                ///< what is kept in the host's memory

    /// Throws Error(bad_input) naming the field.
    static RunConfig read(const std::filesystem::path& run_folder);
};

}  // namespace wishbone
