#pragma once

#include <memory>
#include <optional>

#include "backend/backend.h"
#include "comm/communicator.h"
#include "model/lora.h"
#include "model/parameters.h"
#include "model/transformer/transformer.h"
#include "pretrained/model_weights.h"
#include "run/inputs.h"
#include "train/ranks/rank_model.h"
#include "train/trainer.h"

namespace wishbone {

/// A run's model on one device, at the start of training: weights, an adapter where one is trained, and the trainer. Nothing
/// here knows of other devices but the communicator, which the trainer speaks to.
class Replica {
  public:
    /// `weights`: of the start model. `backend` and `ranks` must outlive it. Made on all ranks at once.
    /// `ready`: the start model, where it is on the device already.
    Replica(const RunInputs& inputs, const ModelWeights& weights, Backend& backend, Communicator& ranks,
            Sharding sharding, Offload offload, RecomputePlan recompute, std::optional<RankModel> ready);

    /// Trainer::compute_reference with any of the models there are; another than the policy's is loaded when it is first needed.
    bool compute_reference(ReferencedModel model, const Plan& plan, PlanReference& reference,
                           const BinProgress& progress, const StopRequested& stop);

    Backend& backend() { return backend_; }
    Transformer& transformer() { return transformer_; }
    Trainer& trainer() { return trainer_; }
    bool has_adapter() const { return adapter_.has_value(); }

  private:
    const RunInputs& inputs_;
    Backend& backend_;
    RankModel model_;
    Transformer transformer_;
    std::optional<Lora> adapter_;
    Trainer trainer_;
    std::unique_ptr<ReferenceModel> other_;
};

}  // namespace wishbone
