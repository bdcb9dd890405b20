#pragma once

#include <optional>

#include "backend/backend.h"
#include "model/lora.h"
#include "model/parameters.h"
#include "model/transformer/transformer.h"
#include "pretrained/model_weights.h"
#include "run/inputs.h"
#include "train/trainer.h"

namespace wishbone {

/// A run's model on one device, at the start of training: weights, an adapter where one is trained, and the trainer. Nothing
/// here knows how many devices the run has.
class Replica {
  public:
    /// `weights`: of the start model. `backend` must outlive it.
    Replica(const RunInputs& inputs, const ModelWeights& weights, Backend& backend);

    Backend& backend() { return backend_; }
    Transformer& transformer() { return transformer_; }
    Trainer& trainer() { return trainer_; }
    bool has_adapter() const { return adapter_.has_value(); }

  private:
    Backend& backend_;
    Parameters parameters_;
    Transformer transformer_;
    std::optional<Lora> adapter_;
    Trainer trainer_;
};

}  // namespace wishbone
