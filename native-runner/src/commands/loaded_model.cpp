#include "commands/loaded_model.h"

#include "io/model_config.h"
#include "io/model_weights.h"

namespace wishbone {

LoadedModel::LoadedModel(const std::filesystem::path& folder, const BackendChoice& backend)
    : config_(read_model_config(folder)),
      backend_(make_backend(backend)),
      // The files are checked before memory is asked for.
      parameters_([&] {
          const ModelWeights weights(folder, config_);
          Parameters parameters(*backend_, config_, backend_->activation_dtype());
          weights.load(*backend_, parameters);
          return parameters;
      }()),
      llama_(*backend_, config_) {}

}  // namespace wishbone
