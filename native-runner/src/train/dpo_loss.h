#pragma once

namespace wishbone {

/// What the loss needs of one pair: summed log-probabilities of its responses under policy and reference.
struct PairLogps {
    double policy_chosen, policy_rejected, reference_chosen, reference_rejected;
};

/// Sums over pairs of TRL's DPO metrics; divide by the number of pairs for means.
struct DpoSums {
    double loss = 0;
    double rewards_chosen = 0;  ///< beta · (policy - reference), as TRL's `rewards/chosen`
    double rewards_rejected = 0;
    double margins = 0;
    double accuracies = 0;  ///< pairs whose chosen reward is above the rejected one
    double logps_chosen = 0;
    double logps_rejected = 0;
};

/// Sigmoid DPO loss of one pair: -log sigmoid(beta · ((pc - rc) - (pr - rr))), arXiv 2305.18290 equation 7.
/// Adds to `sums` and returns d loss / d policy_chosen; the derivative by policy_rejected is its negative.
double dpo_loss(const PairLogps& logps, double beta, DpoSums& sums);

}  // namespace wishbone
