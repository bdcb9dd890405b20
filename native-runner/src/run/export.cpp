#include "run/export.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "model/parameters.h"
#include "pretrained/adapter.h"
#include "pretrained/model_export.h"
#include "pretrained/model_weights.h"

namespace wishbone {

namespace {

ExportDTypes export_dtypes(const Trained& run) {
    const auto& dtype = run.config.training.export_dtype;
    return dtype ? ExportDTypes(*dtype) : ExportDTypes(ModelWeights(run.config.model, run.model));
}

}  // namespace

std::vector<LoraModule> adapter_modules(const std::filesystem::path& run_folder, const ModelConfig& model,
                                        const TrainingOptions& options) {
    if (!options.lora) return {};
    const std::filesystem::path& folder = options.adapter;
    return lora_modules(model, *options.lora,
                        folder.empty() ? (run_folder / "run.json").string() + ": training"
                                       : (folder / "adapter_config.json").string());
}

bool exports_as_checkpoints_do(const Trained& run) {
    if (run.config.training.lora || parameter_count(run.model) * 4 > std::int64_t{most_shard_bytes})
        return false;
    const ExportDTypes dtypes = export_dtypes(run);
    return std::ranges::all_of(parameter_shapes(run.model), [&](const ParameterShape& parameter) {
        return dtypes.of(parameter.name) == FileDType::f32;
    });
}

void export_trained(const Trained& run, const PlacedTensors& weights, const std::filesystem::path& folder,
                    const std::optional<std::filesystem::path>& adapter_folder,
                    const std::filesystem::path& written) {
    const auto& [config, model, modules] = run;
    const ExportSource source = {config.model, config.own_files, export_dtypes(run),
                                 config.training.lora ? std::filesystem::path() : written};
    if (!config.training.lora) return export_model(folder, source, weights);
    if (!config.training.merge_adapter) return export_adapter(folder, source, *config.training.lora, weights);
    if (adapter_folder) export_adapter(*adapter_folder, source, *config.training.lora, weights);
    export_merged(folder, source, model, modules, weights);
}

}  // namespace wishbone
