#include "train/dpo_loss.h"

#include <cmath>

namespace wishbone {

double dpo_loss(const PairLogps& logps, double beta, DpoSums& sums) {
    const double chosen = beta * (logps.policy_chosen - logps.reference_chosen);
    const double rejected = beta * (logps.policy_rejected - logps.reference_rejected);
    const double margin = chosen - rejected;
    // -log sigmoid(m) = log(1 + exp(-m)), written so that exp never overflows.
    sums.loss += std::log1p(std::exp(-std::abs(margin))) + (margin < 0 ? -margin : 0.0);
    sums.rewards_chosen += chosen;
    sums.rewards_rejected += rejected;
    sums.margins += margin;
    sums.accuracies += chosen > rejected ? 1.0 : 0.0;
    sums.logps_chosen += logps.policy_chosen;
    sums.logps_rejected += logps.policy_rejected;
    // d/dm = -sigmoid(-m)
    const double e = std::exp(-std::abs(margin));
    const double sigmoid_of_minus = margin >= 0 ? e / (1 + e) : 1 / (1 + e);
    return -beta * sigmoid_of_minus;
}

}  // namespace wishbone
