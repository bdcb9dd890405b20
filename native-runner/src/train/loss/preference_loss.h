#pragma once

#include <cstdint>
#include <span>

#include "train/loss/losses.h"

namespace wishbone {

/// What a step gathers of one response before its loss.
struct ResponseLogps {
    double logp = 0;       ///< policy, weighted by LD-DPO's rule when it is on
    double plain = 0;      ///< policy, unweighted
    double reference = 0;  ///< weighted like `logp`
    double tokens = 0;     ///< targets
    /// Sum over the targets of log p(token) - log sum p(.)², the weight of WPO (arXiv 2406.11827, equation 2, as
    /// in TRL); only with `use_weighting`.
    double alignment = 0;
};

struct PairLogps {
    ResponseLogps chosen, rejected;
};

/// d loss of the step / d `logp` and `plain` of a response.
struct ResponseGradient {
    double logp = 0, plain = 0;
};

struct PairGradient {
    ResponseGradient chosen, rejected;
};

/// Sums over pairs of TRL's metrics; divide by the number of pairs for means.
struct PreferenceMetrics {
    double loss = 0;
    /// beta · log-ratio; for losses without a reference beta · log-probability, per token for simpo and orpo.
    double rewards_chosen = 0, rewards_rejected = 0;
    double margins = 0;
    double accuracies = 0;  ///< pairs whose chosen reward is above the rejected one
    /// Log-probabilities, per token where the rewards are.
    double logps_chosen = 0, logps_rejected = 0;
    double nll_loss = 0;        ///< of sft, orpo and cpo
    double log_odds_ratio = 0;  ///< mean log sigmoid of the log odds ratio, and the latter itself; of orpo
    double log_odds_chosen = 0;

    PreferenceMetrics& operator+=(const PreferenceMetrics& other);
    PreferenceMetrics scaled(double factor) const;
};

/// The loss of a step: the weighted sum of its terms, each the mean over the step's pairs.
class PreferenceLoss {
  public:
    explicit PreferenceLoss(LossOptions options);

    const LossOptions& options() const { return options_; }
    bool needs_reference() const { return wishbone::needs_reference(options_); }
    bool needs_step() const { return wishbone::needs_step(options_); }
    bool logs_nll() const { return logs_nll_; }
    bool logs_odds() const { return logs_odds_; }

    /// Evaluates some pairs of a step, or all of them where `needs_step`. Overwrites `gradients` (one a pair) with
    /// their share of the step's gradient and returns the sums of their metrics. `each`, when not empty, gets the
    /// metrics of each pair.
    PreferenceMetrics evaluate(std::span<const PairLogps> pairs, const StepSize& step,
                               std::span<PairGradient> gradients,
                               std::span<PreferenceMetrics> each = {}) const;

  private:
    PreferenceMetrics metrics_of(const PairTerms& pair, const StepSize& step) const;

    LossOptions options_;
    bool compares_ = false;   ///< rewards are log-ratios
    bool per_token_ = false;  ///< rewards and log-probabilities are per token
    bool logs_nll_ = false, logs_odds_ = false;
};

}  // namespace wishbone
