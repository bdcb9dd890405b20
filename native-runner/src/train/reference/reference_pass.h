#pragma once

#include "comm/communicator.h"
#include "core/callbacks.h"
#include "model/model_view.h"
#include "model/transformer/transformer.h"
#include "plan/plan.h"
#include "train/loss/sequence_logps.h"
#include "train/reference/plan_reference.h"

namespace wishbone {

/// Fills `reference.logps`: each key's sequence is evaluated once with `model`, and bins without a new key are skipped.
/// `lengths` must be those that `reference` was made with. All `ranks` call it and share the bins out; progress is told of those of
/// the rank itself, as a part of all. False when stopped.
bool compute_reference(const Plan& plan, PlanReference& reference, const LengthWeights& lengths,
                       Transformer& transformer, const ModelView& model, const BinProgress& progress,
                       const StopRequested& stop, Communicator& ranks);

}  // namespace wishbone
