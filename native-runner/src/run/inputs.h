#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/lora_config.h"
#include "pretrained/adapter.h"
#include "run/config/run_config.h"
#include "train/reference/precomputed_reference.h"

namespace wishbone {

/// Everything a run reads of its folder before it takes a device, each checked against the others. Does not change.
class RunInputs {
  public:
    /// Throws Error(bad_input) naming file and field.
    explicit RunInputs(const std::filesystem::path& run_folder);

    const std::filesystem::path folder;
    const RunConfig config;
    const ModelConfig model;
    const ReferencedPlan train;
    const std::optional<ReferencedPlan> eval;     ///< where the run evaluates
    const std::vector<LoraModule> modules;        ///< that get an adapter; none: the model itself is trained
    const std::optional<AdapterWeights> adapter;  ///< where the adapter starts, unless it is a new one
    const std::optional<ModelConfig> reference_model;  ///< of `training.reference_model`

    const TrainingOptions& options() const { return config.training; }
    std::int64_t steps() const { return train.plan.steps(); }
    double epoch_at(std::int64_t steps_done) const;
    /// Of all sequences of the run: evaluating must not change how positions rotate.
    std::int64_t longest() const;
    /// The reference's log-probabilities are computed before they are needed, once.
    bool precomputes_reference() const;
    /// The folder that a reference in a model of its own comes from: the one that the options name, or the start model.
    const std::filesystem::path& reference_folder() const {
        return options().reference_model.empty() ? config.model : options().reference_model;
    }
    /// For messages.
    std::string run_json() const { return (folder / "run.json").string(); }
};

}  // namespace wishbone
