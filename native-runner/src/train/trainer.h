#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "backend/backend.h"
#include "io/plan.h"
#include "model/transformer.h"
#include "train/dpo_loss.h"
#include "train/training_options.h"

namespace wishbone {

/// What one optimizer step did. Metrics are means over the step's pairs.
struct StepResult {
    DpoSums mean;
    double grad_norm = 0;  ///< before clipping
    std::int64_t pairs = 0;
    std::int64_t tokens = 0;
    double flops = 0;  ///< required: forward + twice that for backward, + one forward of an in-step reference
};

/// Asked between bins; true ends the work early.
using StopRequested = std::function<bool()>;
/// Told after each bin how many of how many are done.
using BinProgress = std::function<void(std::int64_t done, std::int64_t total)>;

/// DPO on one model: policy, its f32 master copy where the backend computes in less, gradients, AdamW moments,
/// reference. Knows nothing of files, events or plans
/// beyond the one it is handed, so that training, speed measurement and tests share it.
class Trainer {
  public:
    /// Gradients, moments and the master copy are allocated here. `policy` must outlive the trainer. With
    /// ReferenceMode::in_step the policy is copied as reference now.
    Trainer(Backend& backend, Transformer& llama, Parameters& policy, const TrainingOptions& options);

    /// Reference log-probabilities by key (`sequence_reference`), each key's sequence evaluated once with the
    /// policy as it is now. Bins without a new key are skipped. Returns nothing when stopped.
    std::vector<double> compute_reference(const Plan& plan, const BinProgress& progress,
                                          const StopRequested& stop);
    /// For ReferenceMode::precompute, before the first step.
    void set_reference(std::vector<double> logps_by_key) { reference_logps_ = std::move(logps_by_key); }

    /// One whole step. Throws Error(bad_input), the policy unchanged, when loss or gradient is not finite.
    StepResult step(const Plan& plan, std::int64_t step, double learning_rate);
    /// Loss and its gradient (in `gradients()`, from zero) without an update.
    StepResult loss_and_gradient(const Plan& plan, std::int64_t step);

    Parameters& policy() { return policy_; }
    /// The weights in f32: the master copy, or the policy itself when that is f32. After writing to them call
    /// `master_changed`.
    Parameters& master() { return master_ ? *master_ : policy_; }
    void master_changed();
    Parameters& gradients() { return gradients_; }
    Parameters& first_moment() { return first_moment_; }
    Parameters& second_moment() { return second_moment_; }
    /// Updates done so far, which AdamW's bias correction depends on; set on resume.
    std::int64_t updates() const { return updates_; }
    void set_updates(std::int64_t updates) { updates_ = updates; }

  private:
    /// Runs of parameters that lie side by side and all decay or all do not, as ranges of the flat vector.
    struct Group {
        std::int64_t begin, end;
        bool decays;
    };
    struct StepWork;
    /// By sequence id; only those of the step in progress mean anything.
    struct SequenceValues {
        std::vector<double> policy, reference;  ///< log-probability
        std::vector<double> coefficient;        ///< d loss / d log-probability

        void begin_step(const Plan& plan, const Plan::Range& pairs);
    };

    void evaluate_pairs(StepWork& work, std::int64_t bin);
    void add_reference_logps(const BinView& view, DeviceBin& device);
    void update(double learning_rate, double grad_norm);

    Backend& backend_;
    Transformer& llama_;
    Parameters& policy_;
    TrainingOptions options_;
    std::optional<Parameters> master_;
    Parameters gradients_, first_moment_, second_moment_;
    std::vector<Parameters> reference_;  ///< empty unless in-step
    std::vector<double> reference_logps_;
    SequenceValues sequences_;
    std::vector<Group> groups_;
    std::int64_t updates_ = 0;
};

/// Sums the log-probabilities of a bin's targets by sequence id.
void add_by_sequence(const BinView& bin, std::span<const float> logps, std::span<double> by_sequence);

/// Throws Error(bad_input) when the plan has token ids or positions that the model has not.
void check_plan_fits(const Plan& plan, const std::string& plan_file, const ModelConfig& config);

}  // namespace wishbone
