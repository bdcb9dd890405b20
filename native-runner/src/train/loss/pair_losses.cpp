#include "train/loss/pair_losses.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace wishbone {

namespace {

using Pair = PairTerms;
using Options = LossOptions;
using Formula = Dual (*)(const Pair&, const StepSize&, const Options&);

/// How much better the chosen response's score is.
Dual delta(const Pair& pair, const Options& o) {
    return divergence_score(pair.chosen.logratio(), o) - divergence_score(pair.rejected.logratio(), o);
}

/// The same per token of each response.
Dual delta_per_token(const Pair& pair, const Options& o) {
    return divergence_score(pair.chosen.logratio(), o) / pair.chosen.tokens -
           divergence_score(pair.rejected.logratio(), o) / pair.rejected.tokens;
}

/// -log sigmoid(x), of which a share of `smoothing` is taken for the opposite label.
Dual smoothed(const Dual& x, double smoothing) {
    return -log_sigmoid(x) * (1 - smoothing) - log_sigmoid(-x) * smoothing;
}

Dual sigmoid_loss(const Pair& pair, const StepSize&, const Options& o) {
    return -log_sigmoid(o.beta * delta(pair, o));
}

Dual hinge_loss(const Pair& pair, const StepSize&, const Options& o) {
    return relu(1 - o.beta * delta(pair, o));
}

Dual ipo_loss(const Pair& pair, const StepSize&, const Options& o) {
    return square(delta_per_token(pair, o) - 1 / (2 * o.beta));
}

Dual exo_pair_loss(const Pair& pair, const StepSize&, const Options& o) {
    const Dual x = o.beta * delta(pair, o);
    return sigmoid(x) * (log_sigmoid(x) - std::log1p(-o.label_smoothing)) +
           sigmoid(-x) * (log_sigmoid(-x) - std::log(o.label_smoothing));
}

Dual nca_pair_loss(const Pair& pair, const StepSize&, const Options& o) {
    const Dual chosen = o.beta * pair.chosen.logratio(), rejected = o.beta * pair.rejected.logratio();
    return -log_sigmoid(chosen) - 0.5 * log_sigmoid(-chosen) - 0.5 * log_sigmoid(-rejected);
}

Dual robust_loss(const Pair& pair, const StepSize&, const Options& o) {
    const Dual x = o.beta * delta(pair, o);
    return (-(1 - o.label_smoothing) * log_sigmoid(x) + o.label_smoothing * log_sigmoid(-x)) /
           (1 - 2 * o.label_smoothing);
}

Dual bco_pair_loss(const Pair& pair, const StepSize&, const Options& o) {
    return -log_sigmoid(o.beta * pair.chosen.logratio()) - log_sigmoid(-(o.beta * pair.rejected.logratio()));
}

Dual sppo_hard_loss(const Pair& pair, const StepSize&, const Options& o) {
    return square(pair.chosen.logratio() - 0.5 / o.beta) + square(pair.rejected.logratio() + 0.5 / o.beta);
}

Dual apo_zero_loss(const Pair& pair, const StepSize&, const Options& o) {
    return sigmoid(-(o.beta * pair.chosen.logratio())) + sigmoid(o.beta * pair.rejected.logratio());
}

Dual apo_down_loss(const Pair& pair, const StepSize&, const Options& o) {
    return sigmoid(o.beta * pair.chosen.logratio()) +
           sigmoid(-(o.beta * (pair.chosen.logratio() - pair.rejected.logratio())));
}

Dual discopop_loss(const Pair& pair, const StepSize&, const Options& o) {
    const Dual x = o.beta * delta(pair, o), modulation = x / o.discopop_tau;
    // exp(-x) · sigmoid(x / tau) in one exponential: far below 0 the first overflows while the product is small.
    return -log_sigmoid(x) * sigmoid(-modulation) + exp(log_sigmoid(modulation) - x);
}

Dual sft_loss(const Pair& pair, const StepSize& step, const Options&) { return chosen_nll(pair, step); }

Dual sigmoid_norm_loss(const Pair& pair, const StepSize&, const Options& o) {
    return -log_sigmoid(o.beta * delta_per_token(pair, o));
}

Dual simpo_loss(const Pair& pair, const StepSize&, const Options& o) {
    return smoothed(o.beta * (pair.chosen.mean() - pair.rejected.mean()) - o.simpo_gamma, o.label_smoothing);
}

Dual orpo_loss(const Pair& pair, const StepSize& step, const Options& o) {
    return chosen_nll(pair, step) - o.beta * log_sigmoid(log_odds_ratio(pair));
}

Dual cpo_loss(const Pair& pair, const StepSize& step, const Options& o) {
    return smoothed(o.beta * (pair.chosen.plain - pair.rejected.plain), o.label_smoothing) +
           o.cpo_alpha * chosen_nll(pair, step);
}

/// By type; the losses that sort a step's pairs have none.
Formula formula_of(LossType type) {
    switch (type) {
        case LossType::sigmoid: return sigmoid_loss;
        case LossType::hinge: return hinge_loss;
        case LossType::ipo: return ipo_loss;
        case LossType::exo_pair: return exo_pair_loss;
        case LossType::nca_pair: return nca_pair_loss;
        case LossType::robust: return robust_loss;
        case LossType::bco_pair: return bco_pair_loss;
        case LossType::sppo_hard: return sppo_hard_loss;
        case LossType::apo_zero: return apo_zero_loss;
        case LossType::apo_down: return apo_down_loss;
        case LossType::discopop: return discopop_loss;
        case LossType::sft: return sft_loss;
        case LossType::sigmoid_norm: return sigmoid_norm_loss;
        case LossType::simpo: return simpo_loss;
        case LossType::orpo: return orpo_loss;
        case LossType::cpo: return cpo_loss;
        case LossType::aot:
        case LossType::aot_unpaired: break;
    }
    return nullptr;
}

/// The order in which the values rise; equal ones keep theirs.
template <typename Value>
std::vector<std::size_t> rising(const std::vector<Pair>& pairs, Value value) {
    std::vector<std::size_t> order(pairs.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return value(pairs[i]); });
    return order;
}

/// AOT, arXiv 2406.05882: the i-th smallest log-ratio of chosen to rejected against the i-th smallest one of the
/// reference.
std::vector<Dual> aot_losses(const std::vector<Pair>& pairs, const Options& o) {
    const auto policy = rising(
        pairs, [](const Pair& pair) { return pair.chosen.logp.value - pair.rejected.logp.value; });
    const auto reference =
        rising(pairs, [](const Pair& pair) { return pair.chosen.reference - pair.rejected.reference; });
    std::vector<Dual> losses(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const Pair &own = pairs[policy[i]], &other = pairs[reference[i]];
        const Dual logratio = own.chosen.logp - own.rejected.logp;
        losses[policy[i]] =
            smoothed(o.beta * (logratio - (other.chosen.reference - other.rejected.reference)), o.label_smoothing);
    }
    return losses;
}

/// The i-th smallest log-ratio of the chosen responses against the i-th smallest one of the rejected.
std::vector<Dual> aot_unpaired_losses(const std::vector<Pair>& pairs, const Options& o) {
    const auto chosen = rising(pairs, [](const Pair& pair) { return pair.chosen.logratio().value; });
    const auto rejected = rising(pairs, [](const Pair& pair) { return pair.rejected.logratio().value; });
    std::vector<Dual> losses(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const Dual loss = smoothed(
            o.beta * (pairs[chosen[i]].chosen.logratio() - pairs[rejected[i]].rejected.logratio()),
            o.label_smoothing);
        losses[chosen[i]].value += loss.value;
        losses[chosen[i]].slope[0] += loss.slope[0];
        losses[rejected[i]].slope[1] += loss.slope[1];
    }
    return losses;
}

}  // namespace

Dual divergence_score(const Dual& logratio, const LossOptions& options) {
    switch (options.f_divergence_type) {
        case Divergence::reverse_kl: return logratio;
        case Divergence::forward_kl: return 1 - exp(-logratio);
        case Divergence::js_divergence: return std::log(2.0) + log_sigmoid(logratio);
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

std::vector<Dual> pair_losses(LossType type, const std::vector<PairTerms>& pairs, const StepSize& step,
                              const LossOptions& options) {
    if (type == LossType::aot) return aot_losses(pairs, options);
    if (type == LossType::aot_unpaired) return aot_unpaired_losses(pairs, options);
    const Formula formula = formula_of(type);
    std::vector<Dual> losses(pairs.size());
    std::ranges::transform(pairs, losses.begin(),
                           [&](const PairTerms& pair) { return formula(pair, step, options); });
    return losses;
}

}  // namespace wishbone
