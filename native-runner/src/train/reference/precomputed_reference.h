#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "backend/backend.h"
#include "core/callbacks.h"
#include "model/policy.h"
#include "model/transformer/transformer.h"
#include "plan/plan.h"
#include "pretrained/weights_hash.h"
#include "train/options/training_options.h"
#include "train/reference/plan_reference.h"
#include "train/reference/reference_model.h"

namespace wishbone {

/// A plan (the one trained on, or the one evaluated), the hash of its file, and where its reference log-probabilities lie.
struct ReferencedPlan {
    Plan plan;
    std::string sha256;
    std::filesystem::path reference_file;
};

/// Where precomputed reference log-probabilities come from: a file beside the plan, the cache that runs share, or the
/// start model (or the one that the options name) now.
class PrecomputedReference {
  public:
    /// `model`: the folder of the reference, which is the one that the options name, or that the policy was loaded from. `hash`:
    /// of its weights. `longest`: of all sequences there will be, as in Transformer::expect_length.
    PrecomputedReference(const TrainingOptions& options, const std::filesystem::path& model,
                         WeightsHash& hash, std::int64_t longest, Backend& backend, Transformer& transformer,
                         const Policy& policy);

    /// Of the start model, the one that the options name, or the start model with the adapter that training starts
    /// from; no step has changed the policy yet. Nothing when stopped.
    std::optional<PlanReference> of_start_model(const ReferencedPlan& of, const BinProgress& progress,
                                                const StopRequested& stop);
    /// Of the policy as it is now, after `sft_steps`. Nothing when stopped.
    std::optional<PlanReference> of_policy(const ReferencedPlan& of, const BinProgress& progress,
                                           const StopRequested& stop);
    /// What `of_policy` left behind before this process. Throws Error(bad_input) when it is gone.
    PlanReference kept(const ReferencedPlan& of) const;

  private:
    std::string made_for(const ReferencedPlan& of) const;
    std::string content_of(const ReferencedPlan& of);
    bool compute(const ReferencedPlan& of, PlanReference& reference, Transformer& transformer,
                 const ModelView& model, const BinProgress& progress, const StopRequested& stop) const;
    ReferenceModel& other_model(const ReferencedPlan& of);

    const TrainingOptions& options_;
    const std::filesystem::path& model_;
    WeightsHash& hash_;
    std::int64_t longest_;
    Backend& backend_;
    Transformer& transformer_;
    Policy policy_;
    std::unique_ptr<ReferenceModel> other_;  ///< loaded when it is first needed
};

}  // namespace wishbone
