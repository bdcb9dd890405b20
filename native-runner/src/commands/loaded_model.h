#pragma once

#include <filesystem>
#include <memory>

#include "backend/backend_choice.h"
#include "model/transformer.h"

namespace wishbone {

/// A model folder on a backend, ready to run.
class LoadedModel {
  public:
    /// Throws Error(bad_input) for anything wrong with the folder.
    LoadedModel(const std::filesystem::path& folder, const BackendChoice& backend);

    Backend& backend() { return *backend_; }
    const ModelConfig& config() const { return config_; }
    Parameters& parameters() { return parameters_; }
    Transformer& llama() { return llama_; }

  private:
    ModelConfig config_;
    std::unique_ptr<Backend> backend_;
    Parameters parameters_;
    Transformer llama_;
};

}  // namespace wishbone
