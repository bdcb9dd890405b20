#include "commands/loaded_model.h"

#include "pretrained/adapter.h"
#include "pretrained/model_config.h"
#include "pretrained/model_weights.h"

namespace wishbone {

LoadedModel::LoadedModel(const std::filesystem::path& folder, const BackendChoice& backend,
                         const std::filesystem::path& adapter, Precision precision)
    : config_(read_model_config(folder)),
      backend_(make_backend(backend)),
      // The files are checked before memory is asked for.
      parameters_([&] {
          const ModelWeights weights(folder, config_);
          Parameters parameters(*backend_, config_, backend_->activation_dtype());
          weights.load(*backend_, parameters);
          return parameters;
      }()),
      transformer_(*backend_, config_, Recompute::none, precision) {
    if (adapter.empty()) return;
    const std::vector<LoraModule> modules =
        lora_modules(config_, read_adapter_config(adapter), adapter.string() + "/adapter_config.json");
    const AdapterWeights weights(adapter, modules);
    adapter_.emplace(*backend_, config_, modules, backend_->activation_dtype());
    weights.load(*backend_, *adapter_);
}

}  // namespace wishbone
