#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "backend/backend.h"
#include "comm/communicator.h"
#include "core/callbacks.h"
#include "model/policy.h"
#include "model/transformer/transformer.h"
#include "plan/plan.h"
#include "train/bin_ahead.h"
#include "train/loss/preference_loss.h"
#include "train/loss/sequence_logps.h"
#include "train/optimizer/offload.h"
#include "train/optimizer/optimizer.h"
#include "train/optimizer/update_under_way.h"
#include "train/options/training_options.h"
#include "train/pair_metrics.h"
#include "train/ranks/exposed_time.h"
#include "train/ranks/gradients.h"
#include "train/ranks/sharding.h"
#include "train/reference/plan_reference.h"
#include "train/reference/reference_model.h"
#include "train/step_state.h"

namespace wishbone {

/// How ranks spent a step together.
struct RankTimes {
    double communication =
        0;  ///< seconds that this one exchanged tensors or waited for others, and did not compute
    double slowest = 1;  ///< the longest time that one computed over the mean of all
    std::vector<double>
        computing;  ///< seconds that each computed the loss and the gradient of its bins, by rank
};

/// What one optimizer step did. Metrics are means over the step's pairs.
struct StepResult {
    PreferenceMetrics mean;
    std::vector<PairMetrics> sources;  ///< by the plan's source; empty when it names none
    std::vector<PairValues> values;    ///< of each pair of the step
    double grad_norm = 0;              ///< before clipping
    std::int64_t pairs = 0;
    std::int64_t tokens = 0;
    double flops = 0;  ///< required: forward + twice that for backward, + one forward of an in-step reference
    std::optional<RankTimes> ranks;  ///< of several
};

/// Metrics of a whole plan without training.
struct EvalResult {
    PairMetrics all;
    std::vector<PairMetrics> sources;
    std::vector<PairValues> values;  ///< of each pair of the plan
};

/// Preference training of one model on one device: policy, gradients, optimizer, reference. It knows no files, events
/// or plans beyond the one it is given, so that training, speed measurement and tests share it.
///
/// A device may be one rank of several, each with a trainer of the same model. `step`, `loss_and_gradient`, `evaluate` and
/// `compute_reference` are then called on all of them with the same arguments: each computes the bins dealt to it, and all return
/// the same, that of the whole.
class Trainer {
  public:
    /// Gradients and the optimizer's state are allocated here, of what is trained. `policy` must outlive the trainer.
    /// With ReferenceMode::in_step the policy is copied as reference now, unless it is an adapter or the options name
    /// another model; where they say that it is the adapter training starts from, room for its copy is made.
    /// Where anything is sharded, what `policy` trains has as many parts as `ranks` has.
    Trainer(Backend& backend, Transformer& transformer, Policy policy, const TrainingOptions& options,
            Communicator& ranks = single_rank(), Sharding sharding = Sharding::none, Offload offload = {});

    /// The loss of preference steps reads reference log-probabilities.
    bool needs_reference() const { return preference_.needs_reference(); }
    /// Of the steps after `sft_steps`.
    const PreferenceLoss& preference_loss() const { return preference_; }
    const PreferenceLoss& loss_of(std::int64_t step) const {
        return step < options_.sft_steps ? warm_up_ : preference_;
    }

    /// An in-step reference other than the start model.
    void set_reference_model(std::unique_ptr<ReferenceModel> model) { reference_ = std::move(model); }
    /// The in-step reference, or null.
    ReferenceModel* reference_model() { return reference_.get(); }
    /// The in-step reference's own adapter on the policy's base, or null.
    Lora* reference_adapter() { return reference_adapter_ ? &*reference_adapter_ : nullptr; }
    /// The policy as it is now becomes the in-step reference: after `sft_steps`, or once the adapter that training
    /// starts from is loaded. Does nothing where the options name another.
    void take_reference();

    /// Fills `reference.logps` (reference_pass.h) with the start model: the policy as it is now, or the model below an
    /// adapter. False when stopped.
    bool compute_reference(const Plan& plan, PlanReference& reference, const BinProgress& progress,
                           const StopRequested& stop) {
        return compute_reference(plan, reference, transformer_, policy_.view_with(nullptr), progress, stop);
    }
    /// The same with any model on the device.
    bool compute_reference(const Plan& plan, PlanReference& reference, Transformer& transformer,
                           const ModelView& model, const BinProgress& progress, const StopRequested& stop);
    /// For ReferenceMode::precompute, before the first step that needs it.
    void set_reference(PlanReference reference) { reference_logps_ = std::move(reference); }

    /// Called in every step before the update changes any weights.
    void before_update(std::function<void()> call) { before_update_ = std::move(call); }

    /// One whole step. Throws Error(bad_input), the policy unchanged, when loss or gradient is not finite. A device by itself may
    /// still be at the update when the call returns.
    /// `beside`: the update may go on beside the next step too. The trainer awaits it where it reads what it changes, or gives it away
    /// (`policy`, `optimizer`, `gradients`); whoever has these already is not to use them before.
    StepResult step(const Plan& plan, std::int64_t step, double learning_rate, bool beside = false);
    /// Loss and its gradient (in `gradients()`, from zero; where ranks share it out, a part of it) without an update.
    StepResult loss_and_gradient(const Plan& plan, std::int64_t step);
    /// The preference loss and its metrics over all pairs of a plan, each of its steps a batch of its own.
    /// `reference` is the plan's, for ReferenceMode::precompute. Nothing when stopped.
    std::optional<EvalResult> evaluate(const Plan& plan, const PlanReference& reference,
                                       const StopRequested& stop);

    Backend& backend() { return backend_; }
    const Policy& policy() {
        update_.settle();
        return policy_;
    }
    Optimizer& optimizer() {
        update_.settle();
        return optimizer_;
    }
    NamedTensors& gradients() {
        update_.settle();
        return gradients_.sum();
    }
    GradientView gradient_view() {
        update_.settle();
        return gradients_.view();
    }
    /// Optimizer::updates.
    std::int64_t updates() const { return optimizer_.updates(); }

  private:
    /// A forward pass of the reference is part of every step.
    bool computes_reference() const {
        return reference_ != nullptr ||
               (policy_.adapter != nullptr && options_.reference == ReferenceMode::in_step);
    }

    /// An update that may go on beside what follows.
    bool may_update_beside() const;
    /// What passes of the policy read.
    ModelView policy_view();
    void compare_times(StepResult& result, double computing);
    StepState begin(const Plan& plan, std::int64_t step, const PreferenceLoss& loss,
                    const PlanReference& reference);
    /// The forward passes of a bin under the policy and an in-step reference.
    struct BinPass {
        StepState* state;
        std::int64_t bin;
        std::optional<PendingLogps> reference;
        PendingLogps policy;
        bool is_there() const { return policy.is_there(); }
    };
    BinPass begin_pass(const Plan& plan, StepState& state, std::int64_t bin, DeviceBin& device, bool keep);
    /// Adds what it gives to its step.
    static void finish_pass(const Plan& plan, const BinPass& pass);
    /// The first bin of a step that is this rank's; nothing where it has none, or there is no such step.
    std::optional<std::int64_t> first_bin(const Plan& plan, std::int64_t step) const;
    void follow_policy();

    Backend& backend_;
    Communicator& ranks_;
    Transformer& transformer_;
    Policy policy_;
    TrainingOptions options_;
    PreferenceLoss preference_, warm_up_;
    LengthWeights lengths_;
    ExposedTime exposed_;
    Gradients gradients_;
    Optimizer optimizer_;
    std::unique_ptr<ReferenceModel> reference_;
    std::optional<Lora> reference_adapter_;
    PlanReference reference_logps_;
    std::function<void()> before_update_ = [] {};
    std::vector<SequenceState> sequences_;  ///< StepState's memory
    UpdateUnderWay update_;
    BinAhead ahead_;  ///< of the next step
};

}  // namespace wishbone
