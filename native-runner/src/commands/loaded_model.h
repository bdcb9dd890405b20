#pragma once

#include <filesystem>
#include <memory>

#include "backend/backend_choice.h"
#include "model/llama.h"

namespace wishbone {

/// A model folder on a backend, ready to run.
class LoadedModel {
  public:
    /// Throws Error(bad_input) for anything wrong with the folder.
    LoadedModel(const std::filesystem::path& folder, const BackendChoice& backend);

    Backend& backend() { return *backend_; }
    const LlamaConfig& config() const { return config_; }
    Parameters& parameters() { return parameters_; }
    Llama& llama() { return llama_; }

  private:
    LlamaConfig config_;
    std::unique_ptr<Backend> backend_;
    Parameters parameters_;
    Llama llama_;
};

}  // namespace wishbone
