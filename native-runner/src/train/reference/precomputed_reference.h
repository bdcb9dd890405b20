#pragma once

#include <filesystem>
#include <string>

#include "backend/backend.h"
#include "pretrained/model_weights.h"
#include "run/config/run_config.h"
#include "train/trainer.h"

namespace wishbone {

/// A plan of a run (the one trained on, or the one evaluated) and where its reference log-probabilities lie.
struct RunPlan {
    Plan plan;
    std::string sha256;
    std::filesystem::path reference_file;
};

/// Where a run's precomputed reference log-probabilities come from: the run folder, the cache that runs share, or
/// the start model (or the one that the options name) now.
class RunReference {
  public:
    /// `longest`: of all sequences of the run, as in Transformer::expect_length.
    RunReference(const RunConfig& config, const ModelConfig& model, std::int64_t longest, Backend& backend,
                 Trainer& trainer);

    /// Of the start model, the one that the options name, or the start model with the adapter that training starts
    /// from; no step has changed the policy yet. Nothing when stopped.
    std::optional<PlanReference> of_start_model(const RunPlan& of, const BinProgress& progress,
                                                const StopRequested& stop);
    /// Of the policy as it is now, after `sft_steps`. Nothing when stopped.
    std::optional<PlanReference> of_policy(const RunPlan& of, const BinProgress& progress,
                                           const StopRequested& stop);
    /// What `of_policy` left behind before this process. Throws Error(bad_input) when it is gone.
    PlanReference kept(const RunPlan& of) const;

  private:
    std::string made_for(const RunPlan& of) const;

    const RunConfig& config_;
    const ModelConfig& model_;
    std::int64_t longest_;
    Backend& backend_;
    Trainer& trainer_;
    std::unique_ptr<ReferenceModel> other_;  ///< loaded when it is first needed
};

}  // namespace wishbone
