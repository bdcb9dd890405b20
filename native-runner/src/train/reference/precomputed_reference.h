#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "backend/backend.h"
#include "core/callbacks.h"
#include "model/precision.h"
#include "plan/plan.h"
#include "pretrained/weights_hash.h"
#include "train/options/training_options.h"
#include "train/reference/plan_reference.h"

namespace wishbone {

/// A plan (the one trained on, or the one evaluated), the hash of its file, and where its reference log-probabilities lie.
struct ReferencedPlan {
    Plan plan;
    std::string sha256;
    std::filesystem::path reference_file;
};

/// Whose log-probabilities a reference is of: the model that adapters may lie on, the policy as it is now, or the model that
/// `reference_model` names.
enum class ReferencedModel { base, policy, other };

/// Fills a plan's reference (reference_pass.h), on whatever devices there are. False when stopped.
using ReferencePass = std::function<bool(ReferencedModel model, const Plan& plan, PlanReference& reference,
                                         const BinProgress& progress, const StopRequested& stop)>;

/// Where precomputed reference log-probabilities come from: a file beside the plan, the cache that runs share, or the
/// start model (or the one that the options name) now.
class PrecomputedReference {
  public:
    /// `model`: the folder of the reference, which is the one that the options name, or that the policy was loaded from. `hash`:
    /// of its weights. `longest`: of all sequences there will be, as in Transformer::expect_length. `backend`: any of those that
    /// `pass` computes on, in `precision`.
    PrecomputedReference(const TrainingOptions& options, const std::filesystem::path& model,
                         WeightsHash& hash, std::int64_t longest, const Backend& backend, Precision precision,
                         ReferencePass pass);

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

    const TrainingOptions& options_;
    const std::filesystem::path& model_;
    WeightsHash& hash_;
    std::int64_t longest_;
    const Backend& backend_;
    Precision precision_;
    ReferencePass pass_;
};

}  // namespace wishbone
