#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "backend/backend_choice.h"
#include "model/policy.h"
#include "model/transformer/transformer.h"

namespace wishbone {

/// A model folder on a backend, ready to run.
class LoadedModel {
  public:
    /// `adapter`: a PEFT folder, or empty. Throws Error(bad_input) for anything wrong with the folders.
    LoadedModel(const std::filesystem::path& folder, const BackendChoice& backend,
                const std::filesystem::path& adapter = {}, Precision precision = Precision::bf16);

    Backend& backend() { return *backend_; }
    const ModelConfig& config() const { return config_; }
    Parameters& parameters() { return parameters_; }
    Transformer& transformer() { return transformer_; }
    ModelView view() const { return {parameters_, adapter_ ? &*adapter_ : nullptr}; }
    bool has_adapter() const { return adapter_.has_value(); }
    /// The model below the adapter.
    ModelView base() const { return {parameters_}; }
    Policy policy() { return adapter_ ? Policy(parameters_, *adapter_) : Policy(parameters_); }

  private:
    ModelConfig config_;
    std::unique_ptr<Backend> backend_;
    Parameters parameters_;
    std::optional<Lora> adapter_;
    Transformer transformer_;
};

}  // namespace wishbone
