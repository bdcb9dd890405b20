#include "train/reference_model.h"

#include "io/model_config.h"
#include "io/model_weights.h"

namespace wishbone {

ReferenceModel::ReferenceModel(Backend& backend, Llama& llama, const Parameters& policy)
    : shared_(&llama), parameters_(backend, llama.config(), policy.flat().dtype) {
    backend.copy(parameters_.flat(), policy.flat());
}

ReferenceModel::ReferenceModel(Backend& backend, const std::filesystem::path& folder)
    : ReferenceModel(backend, folder, read_model_config(folder)) {}

ReferenceModel::ReferenceModel(Backend& backend, const std::filesystem::path& folder, const LlamaConfig& config)
    : own_(std::make_unique<Llama>(backend, config)),
      parameters_(backend, config, backend.activation_dtype()) {
    ModelWeights(folder, config).load(backend, parameters_);
}

}  // namespace wishbone
