#include "train/reference/reference_model.h"

#include "pretrained/model_config.h"
#include "pretrained/model_weights.h"

namespace wishbone {

void copy_weights(Backend& backend, const Parameters& to, const Policy& policy) {
    if (policy.supply != nullptr)
        policy.supply->copy_to(to);
    else
        backend.copy(to.flat(), policy.base.flat());
}

ReferenceModel::ReferenceModel(Backend& backend, Transformer& transformer, const Policy& policy)
    : shared_(&transformer),
      parameters_(backend, transformer.config(), policy.base.flat().dtype, policy.base.parts()) {
    copy_weights(backend, parameters_, policy);
}

ReferenceModel::ReferenceModel(Backend& backend, const std::filesystem::path& folder, std::int64_t longest,
                               std::int64_t parts, Precision precision)
    : ReferenceModel(backend, folder, longest, parts, precision, read_model_config(folder)) {}

ReferenceModel::ReferenceModel(Backend& backend, const std::filesystem::path& folder, std::int64_t longest,
                               std::int64_t parts, Precision precision, const ModelConfig& config)
    : own_(std::make_unique<Transformer>(backend, config, Recompute::none, precision)),
      parameters_(backend, config, backend.activation_dtype(), parts) {
    own_->expect_length(longest);
    ModelWeights(folder, config).load(backend, parameters_);
}

}  // namespace wishbone
