#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "backend/backend.h"
#include "model/policy.h"
#include "model/transformer/transformer.h"

namespace wishbone {

/// Copies the model of `policy`, all of it, to parameters like it.
void copy_weights(Backend& backend, const Parameters& to, const Policy& policy);

/// The frozen model whose log-probabilities the policy's are compared with.
class ReferenceModel {
  public:
    /// A copy of the model of `policy`, run by the policy's own `transformer`, which must outlive it.
    ReferenceModel(Backend& backend, Transformer& transformer, const Policy& policy);
    /// The model of a folder, which may be of another shape. `longest`: as in Transformer::expect_length. Throws
    /// Error(bad_input). `parts`: of its parameters (NamedTensors).
    ReferenceModel(Backend& backend, const std::filesystem::path& folder, std::int64_t longest,
                   std::int64_t parts = 1, Precision precision = Precision::bf16);

    Transformer& transformer() { return own_ ? *own_ : *shared_; }
    Parameters& parameters() { return parameters_; }

  private:
    ReferenceModel(Backend& backend, const std::filesystem::path& folder, std::int64_t longest,
                   std::int64_t parts, Precision precision, const ModelConfig& config);

    Transformer* shared_ = nullptr;
    std::unique_ptr<Transformer> own_;
    Parameters parameters_;
};

}  // namespace wishbone
