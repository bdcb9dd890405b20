#pragma once

#include <cstdint>
#include <optional>

#include "core/callbacks.h"
#include "run/inputs.h"
#include "run/replicas.h"
#include "run/reporter.h"
#include "train/reference/precomputed_reference.h"

namespace wishbone {

/// Begins it where the reference will be looked up by it, so that it is there when the model is.
void begin_hash(WeightsHash& hash, const RunInputs& inputs);

/// The reference of a run, whichever it is: computed before the first step, or after `sft_steps`, or a model in memory.
class RunReference {
  public:
    /// Gives the trainer all of the reference that can be had before the first step, the policy still being the start
    /// model. `hash`: of the weights in `RunInputs::reference_folder`. `resumed_after`: steps done at the checkpoint that will be loaded.
    RunReference(const RunInputs& inputs, WeightsHash& hash, Replicas& replicas, Reporter& reporter,
                 std::optional<std::int64_t> resumed_after, StopRequested stop);

    /// The run was stopped before all of it was there.
    bool stopped() const { return stopped_; }

    /// To be called after each step: when the supervised ones are over, what they led to becomes the reference. False when
    /// stopped.
    bool after_step(std::int64_t done);

    /// Of the plan evaluated on, where it is computed before.
    const PlanReference& of_eval() const { return of_eval_; }

  private:
    bool prepare(std::optional<std::int64_t> resumed_after);
    template <typename Source>
    bool take(Source source);

    const RunInputs& inputs_;
    Replicas& replicas_;
    Reporter& reporter_;
    StopRequested stop_;
    PrecomputedReference precomputed_;
    PlanReference of_eval_;
    bool stopped_;
};

}  // namespace wishbone
