#include "run/export.h"

#include <string>

#include "pretrained/adapter.h"
#include "pretrained/model_export.h"
#include "pretrained/model_weights.h"

namespace wishbone {

std::vector<LoraModule> adapter_modules(const std::filesystem::path& run_folder, const ModelConfig& model,
                                        const TrainingOptions& options) {
    if (!options.lora) return {};
    const std::filesystem::path& folder = options.adapter;
    return lora_modules(model, *options.lora,
                        folder.empty() ? (run_folder / "run.json").string() + ": training"
                                       : (folder / "adapter_config.json").string());
}

void export_trained(const Trained& run, Backend& backend, const NamedTensors& weights,
                    const std::filesystem::path& folder,
                    const std::optional<std::filesystem::path>& adapter_folder) {
    const auto& [config, model, modules] = run;
    const auto& dtype = config.training.export_dtype;
    const ExportSource source = {
        config.model, config.own_files,
        dtype ? ExportDTypes(*dtype) : ExportDTypes(ModelWeights(config.model, model))};
    if (!config.training.lora) return export_model(folder, source, backend, weights);
    if (!config.training.merge_adapter)
        return export_adapter(folder, source, *config.training.lora, backend, weights);
    if (adapter_folder) export_adapter(*adapter_folder, source, *config.training.lora, backend, weights);
    export_merged(folder, source, model, modules, backend, weights);
}

}  // namespace wishbone
