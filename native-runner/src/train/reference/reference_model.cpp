#include "train/reference/reference_model.h"

#include "pretrained/model_config.h"
#include "pretrained/model_weights.h"

namespace wishbone {

ReferenceModel::ReferenceModel(Backend& backend, Transformer& transformer, const Parameters& policy)
    : shared_(&transformer), parameters_(backend, transformer.config(), policy.flat().dtype) {
    backend.copy(parameters_.flat(), policy.flat());
}

ReferenceModel::ReferenceModel(Backend& backend, const std::filesystem::path& folder, std::int64_t longest)
    : ReferenceModel(backend, folder, longest, read_model_config(folder)) {}

ReferenceModel::ReferenceModel(Backend& backend, const std::filesystem::path& folder, std::int64_t longest,
                               const ModelConfig& config)
    : own_(std::make_unique<Transformer>(backend, config)),
      parameters_(backend, config, backend.activation_dtype()) {
    own_->expect_length(longest);
    ModelWeights(folder, config).load(backend, parameters_);
}

}  // namespace wishbone
