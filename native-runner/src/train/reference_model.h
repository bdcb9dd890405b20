#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "backend/backend.h"
#include "model/llama.h"

namespace wishbone {

/// The frozen model whose log-probabilities the policy's are compared with.
class ReferenceModel {
  public:
    /// A copy of `policy`, run by the policy's own `llama`, which must outlive it.
    ReferenceModel(Backend& backend, Llama& llama, const Parameters& policy);
    /// The model of a folder, which may be of another shape. Throws Error(bad_input).
    ReferenceModel(Backend& backend, const std::filesystem::path& folder);

    Llama& llama() { return own_ ? *own_ : *shared_; }
    Parameters& parameters() { return parameters_; }

  private:
    ReferenceModel(Backend& backend, const std::filesystem::path& folder, const LlamaConfig& config);

    Llama* shared_ = nullptr;
    std::unique_ptr<Llama> own_;
    Parameters parameters_;
};

}  // namespace wishbone
