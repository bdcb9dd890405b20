#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "model/lora.h"
#include "pretrained/placed_tensors.h"
#include "run/config/run_config.h"

namespace wishbone {

/// The modules that a run trains an adapter on; none where it trains the model itself. Throws Error(bad_input).
std::vector<LoraModule> adapter_modules(const std::filesystem::path& run_folder, const ModelConfig& model,
                                        const TrainingOptions& options);

/// What a run's weights are weights of.
struct Trained {
    const RunConfig& config;
    const ModelConfig& model;
    const std::vector<LoraModule>& modules;  ///< see `adapter_modules`
};

/// Writes trained weights as a Hugging Face folder: the model, or the adapter as a PEFT folder. With `merge_adapter` the
/// model with the adapter merged into it, and the adapter by itself where `adapter_folder` names a place for it. `written`: see ExportSource.
void export_trained(const Trained& run, const PlacedTensors& weights, const std::filesystem::path& folder,
                    const std::optional<std::filesystem::path>& adapter_folder,
                    const std::filesystem::path& written = {});

/// Whether an export of the run is one file of the very bytes of a checkpoint's `model.safetensors`.
bool exports_as_checkpoints_do(const Trained& run);

}  // namespace wishbone
