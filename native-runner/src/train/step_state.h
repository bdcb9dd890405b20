#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "core/error.h"
#include "plan/plan.h"
#include "train/loss/preference_loss.h"
#include "train/loss/sequence_logps.h"
#include "train/pair_metrics.h"
#include "train/reference/plan_reference.h"

namespace wishbone {

/// What is known of one step's sequences and pairs while its bins are computed, and the losses that follow from it. All on
/// the host: which device ran a bin makes no difference here.
class StepState {
  public:
    /// `reference`: the plan's log-probabilities where they were computed before; null where the step computes them, or the
    /// loss reads none. `sequences` is memory by sequence id that steps share, as a plan may have hundreds of thousands; only
    /// those of this step are touched.
    StepState(const Plan& plan, std::int64_t step, const PreferenceLoss& loss, const LengthWeights& lengths,
              const PlanReference* reference, std::vector<SequenceState>& sequences);

    const PreferenceLoss& loss() const { return loss_; }
    Plan::Range bins() const { return bins_; }
    /// The gradient of a pair can be had from its bin alone. Otherwise (a pair lies in two bins, or the loss looks at the
    /// whole step) every bin has to be evaluated once before any gradient.
    bool bins_are_independent() const { return bins_are_independent_; }

    /// Adds a bin's log-probabilities.
    void add_policy(const BinView& bin, const TargetLogps& values);
    void add_reference(const BinView& bin, std::span<const float> logps);

    /// Makes what each rank has added known to all. `own`: the bins that this one computes, ascending.
    void share(Communicator& ranks, std::span<const std::int64_t> own);

    /// Losses and gradients of the pairs in the bin of this number, or of all pairs of the step, all of whose bins have been
    /// added. Throws Error(bad_input) when the loss is not finite.
    void evaluate_bin(std::int64_t bin);
    void evaluate_all();
    /// Metrics of all pairs of the step, once the log-probabilities of all are known; `evaluate_bin` may have been called for some
    /// bins, whose gradients are no longer needed. The same numbers as when it was called for every bin.
    void evaluate_every_bin();

    /// d loss / d log-probability of each of the bin's targets.
    void target_weights(const BinView& bin, std::vector<float>& out) const;

    /// Of the pairs evaluated so far.
    const PairMetrics& metrics() const { return metrics_; }
    /// By the plan's source; empty when it names none.
    const std::vector<PairMetrics>& sources() const { return sources_; }
    std::int64_t pairs() const { return size_.pairs; }
    /// Of each pair of the step, in the plan's order; zero where it was not evaluated yet.
    const std::vector<PairValues>& values() const { return values_; }

  private:
    void evaluate(const std::vector<std::size_t>& pairs);

    const Plan& plan_;
    const PreferenceLoss& loss_;
    const LengthWeights& lengths_;
    std::vector<SequenceState>& sequences_;
    std::int64_t step_;
    Plan::Range bins_, pairs_;
    StepSize size_;
    bool bins_are_independent_ = true;
    PairMetrics metrics_;
    std::vector<PairMetrics> sources_;
    std::vector<PairValues> values_;
};

/// The Error(bad_input) for a loss or gradient that is not a finite number.
Error not_finite(const char* what, std::int64_t step);

}  // namespace wishbone
