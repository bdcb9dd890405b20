#pragma once

#include <cstdint>

#include "train/loss/dual.h"
#include "train/loss/loss_options.h"

namespace wishbone {

/// How much a whole optimizer step holds, known before anything is computed.
struct StepSize {
    std::int64_t pairs = 0;
    std::int64_t chosen_tokens = 0;  ///< targets of all chosen responses
};

/// What the losses read of one response. All log-probabilities are sums over the response's targets.
struct ResponseTerms {
    Dual logp;             ///< under the policy, weighted by LD-DPO's rule when it is on
    Dual plain;            ///< under the policy, unweighted
    double reference = 0;  ///< under the reference, weighted like `logp`
    double tokens = 0;     ///< targets, at least 1

    Dual logratio() const { return logp - reference; }
    /// Per token.
    Dual mean() const { return plain / tokens; }
};

/// One pair. The variables of its duals: 0 and 1 are `logp` of the chosen and the rejected response, 2 and 3
/// their `plain`.
struct PairTerms {
    ResponseTerms chosen, rejected;
};

/// f'(policy / reference) of a response's divergence: the reward without beta (f-DPO, arXiv 2309.16240).
Dual divergence_score(const Dual& logratio, const LossOptions& options);

/// log(odds of the chosen / odds of the rejected response) of mean log-probabilities (ORPO, arXiv 2403.07691).
Dual log_odds_ratio(const PairTerms& pair);
/// The pair's part of the mean negative log-likelihood of the step's chosen tokens, times the pairs of the step.
Dual chosen_nll(const PairTerms& pair, const StepSize& step);

}  // namespace wishbone
