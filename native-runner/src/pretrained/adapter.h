#pragma once

#include <filesystem>
#include <vector>

#include "backend/backend.h"
#include "io/safetensors.h"
#include "model/lora.h"
#include "pretrained/model_export.h"

namespace wishbone {

/// `adapter_config.json` of a PEFT folder. Throws Error(bad_input) for a folder without one, another kind of adapter,
/// and options that the runner has not (DoRA, trained biases, whole modules saved beside the adapter).
LoraConfig read_adapter_config(const std::filesystem::path& folder);

/// `adapter_model.safetensors` of a PEFT folder.
class AdapterWeights {
  public:
    /// Throws Error(bad_input) when the file is not an adapter on these modules, but another model's or config's.
    AdapterWeights(const std::filesystem::path& folder, const std::vector<LoraModule>& modules);

    /// Converts and uploads all of it into an adapter on the same modules.
    void load(Backend& backend, const NamedTensors& adapter) const;

  private:
    SafetensorsFile file_;
};

/// Writes an adapter as a PEFT folder: `adapter_config.json`, `adapter_model.safetensors` (PEFT's names; the dtype of most of the model's weights), and what
/// goes with the model below it (copy_companions). The folder appears whole or not at all and replaces an older one.
void export_adapter(const std::filesystem::path& folder, const ExportSource& base, const LoraConfig& config,
                    const PlacedTensors& adapter);

/// Writes the whole model, w + scale · b · a, worked out in F32, where there is an adapter, as `export_model` does.
void export_merged(const std::filesystem::path& folder, const ExportSource& base, const ModelConfig& config,
                   const std::vector<LoraModule>& modules, const PlacedTensors& adapter);

}  // namespace wishbone
