#include "train/reference/reference_model.h"

#include "pretrained/model_config.h"
#include "pretrained/model_weights.h"

namespace wishbone {

ReferenceModel::ReferenceModel(Backend& backend, Transformer& transformer, const Parameters& policy)
    : shared_(&transformer), parameters_(backend, transformer.config(), policy.flat().dtype, policy.parts()) {
    backend.copy(parameters_.flat(), policy.flat());
}

ReferenceModel::ReferenceModel(Backend& backend, const std::filesystem::path& folder, std::int64_t longest,
                               std::int64_t parts)
    : ReferenceModel(backend, folder, longest, parts, read_model_config(folder)) {}

ReferenceModel::ReferenceModel(Backend& backend, const std::filesystem::path& folder, std::int64_t longest,
                               std::int64_t parts, const ModelConfig& config)
    : own_(std::make_unique<Transformer>(backend, config)),
      parameters_(backend, config, backend.activation_dtype(), parts) {
    own_->expect_length(longest);
    ModelWeights(folder, config).load(backend, parameters_);
}

}  // namespace wishbone
