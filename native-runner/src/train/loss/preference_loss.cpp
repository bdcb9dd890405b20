#include "train/loss/preference_loss.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace wishbone {

namespace {

constexpr double PreferenceMetrics::* fields[] = {&PreferenceMetrics::loss,
                                                  &PreferenceMetrics::rewards_chosen,
                                                  &PreferenceMetrics::rewards_rejected,
                                                  &PreferenceMetrics::margins,
                                                  &PreferenceMetrics::accuracies,
                                                  &PreferenceMetrics::logps_chosen,
                                                  &PreferenceMetrics::logps_rejected,
                                                  &PreferenceMetrics::nll_loss,
                                                  &PreferenceMetrics::log_odds_ratio,
                                                  &PreferenceMetrics::log_odds_chosen};

PairTerms terms_of(const PairLogps& pair) {
    const auto response = [](const ResponseLogps& logps, std::size_t which) {
        return ResponseTerms{Dual::variable(logps.logp, which), Dual::variable(logps.plain, which + 2),
                             logps.reference, std::max(1.0, logps.tokens)};
    };
    return {response(pair.chosen, 0), response(pair.rejected, 1)};
}

/// How likely the policy is to write the pair: a constant to the gradient, as in TRL.
double wpo_weight(const PairLogps& pair) {
    const auto mean = [](const ResponseLogps& logps) {
        return logps.alignment / std::max(1.0, logps.tokens);
    };
    return std::exp(mean(pair.chosen) + mean(pair.rejected));
}

}  // namespace

PreferenceMetrics& PreferenceMetrics::operator+=(const PreferenceMetrics& other) {
    for (const auto field : fields) this->*field += other.*field;
    return *this;
}

PreferenceMetrics PreferenceMetrics::scaled(double factor) const {
    PreferenceMetrics result;
    for (const auto field : fields) result.*field = this->*field * factor;
    return result;
}

PreferenceLoss::PreferenceLoss(LossOptions options) : options_(std::move(options)) {
    compares_ = wishbone::needs_reference(options_);
    logs_nll_ = any_has(options_, LossTrait::reports_nll);
    logs_odds_ = any_has(options_, LossTrait::reports_odds);
    per_token_ = !compares_ && any_has(options_, LossTrait::scores_per_token);
}

PreferenceMetrics PreferenceLoss::evaluate(std::span<const PairLogps> pairs, const StepSize& step,
                                           std::span<PairGradient> gradients,
                                           std::span<PreferenceMetrics> each) const {
    std::vector<PairTerms> terms(pairs.size());
    std::ranges::transform(pairs, terms.begin(), terms_of);
    std::vector<Dual> total(pairs.size());
    for (const auto& [loss, weight] : options_.terms) {
        const std::vector<Dual> losses = loss->of(terms, step, options_);
        for (std::size_t p = 0; p < pairs.size(); ++p)
            total[p] =
                total[p] + losses[p] * (options_.use_weighting ? weight * wpo_weight(pairs[p]) : weight);
    }
    const double share = 1.0 / static_cast<double>(step.pairs);
    PreferenceMetrics sums;
    for (std::size_t p = 0; p < pairs.size(); ++p) {
        const auto& slope = total[p].slope;
        gradients[p] = {{slope[0] * share, slope[2] * share}, {slope[1] * share, slope[3] * share}};
        PreferenceMetrics metrics = metrics_of(terms[p], step);
        metrics.loss = total[p].value;
        sums += metrics;
        if (!each.empty()) each[p] = metrics;
    }
    return sums;
}

PreferenceMetrics PreferenceLoss::metrics_of(const PairTerms& pair, const StepSize& step) const {
    const auto logp = [&](const ResponseTerms& response) {
        return per_token_ ? response.mean().value : compares_ ? response.logp.value : response.plain.value;
    };
    const auto reward = [&](const ResponseTerms& response) {
        return options_.beta * (compares_ ? response.logratio().value : logp(response));
    };
    PreferenceMetrics metrics;
    metrics.rewards_chosen = reward(pair.chosen);
    metrics.rewards_rejected = reward(pair.rejected);
    metrics.margins = metrics.rewards_chosen - metrics.rewards_rejected;
    metrics.accuracies = metrics.rewards_chosen > metrics.rewards_rejected ? 1.0 : 0.0;
    metrics.logps_chosen = logp(pair.chosen);
    metrics.logps_rejected = logp(pair.rejected);
    if (logs_nll_) metrics.nll_loss = chosen_nll(pair, step).value;
    if (logs_odds_) {
        metrics.log_odds_chosen = log_odds_ratio(pair).value;
        metrics.log_odds_ratio = log_sigmoid(metrics.log_odds_chosen);
    }
    return metrics;
}

}  // namespace wishbone
