#include "train/loss/pair_terms.h"

#include <cmath>

namespace wishbone {

Dual divergence_score(const Dual& logratio, const LossOptions& options) {
    switch (options.f_divergence_type) {
        case Divergence::reverse_kl:
            return logratio;
        case Divergence::forward_kl:
            return 1 - exp(-logratio);
        case Divergence::js_divergence:
            return std::log(2.0) + log_sigmoid(logratio);
        case Divergence::alpha_divergence: {
            const double power = options.f_alpha_divergence_coef - 1;
            if (std::abs(power) < 1e-6) return logratio;  // the limit
            // As TRL: beyond exp(80) the score is taken as constant.
            return (exp(clamp_above(power * logratio, 80)) - 1) / power;
        }
    }
    return logratio;
}

Dual log_odds_ratio(const PairTerms& pair) {
    const Dual chosen = pair.chosen.mean(), rejected = pair.rejected.mean();
    return chosen - rejected - (log1mexp(chosen) - log1mexp(rejected));
}

Dual chosen_nll(const PairTerms& pair, const StepSize& step) {
    return -pair.chosen.plain * (static_cast<double>(step.pairs) / static_cast<double>(step.chosen_tokens));
}

}  // namespace wishbone
