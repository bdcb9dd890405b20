#include "train/loss/losses.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <string>

#include "core/error.h"

namespace wishbone {

namespace {

using Pair = PairTerms;
using Options = LossOptions;

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
    const auto policy =
        rising(pairs, [](const Pair& pair) { return pair.chosen.logp.value - pair.rejected.logp.value; });
    const auto reference =
        rising(pairs, [](const Pair& pair) { return pair.chosen.reference - pair.rejected.reference; });
    std::vector<Dual> losses(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const Pair &own = pairs[policy[i]], &other = pairs[reference[i]];
        const Dual logratio = own.chosen.logp - own.rejected.logp;
        losses[policy[i]] = smoothed(
            o.beta * (logratio - (other.chosen.reference - other.rejected.reference)), o.label_smoothing);
    }
    return losses;
}

/// The i-th smallest log-ratio of the chosen responses against the i-th smallest one of the rejected.
std::vector<Dual> aot_unpaired_losses(const std::vector<Pair>& pairs, const Options& o) {
    const auto chosen = rising(pairs, [](const Pair& pair) { return pair.chosen.logratio().value; });
    const auto rejected = rising(pairs, [](const Pair& pair) { return pair.rejected.logratio().value; });
    std::vector<Dual> losses(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const Dual loss =
            smoothed(o.beta * (pairs[chosen[i]].chosen.logratio() - pairs[rejected[i]].rejected.logratio()),
                     o.label_smoothing);
        losses[chosen[i]].value += loss.value;
        losses[chosen[i]].slope[0] += loss.slope[0];
        losses[rejected[i]].slope[1] += loss.slope[1];
    }
    return losses;
}

using enum LossTrait;

constexpr Loss table[] = {
    {"sigmoid", reference | divergence | weighting, sigmoid_loss},
    {"hinge", reference | divergence | weighting, hinge_loss},
    {"ipo", reference | divergence | weighting, ipo_loss},
    {"exo_pair", reference | divergence | weighting | label_smoothing | smoothing_above_zero, exo_pair_loss},
    {"nca_pair", reference | weighting, nca_pair_loss},
    {"robust", reference | divergence | weighting | label_smoothing | smoothing_below_half, robust_loss},
    {"bco_pair", reference | weighting, bco_pair_loss},
    {"sppo_hard", reference | weighting, sppo_hard_loss},
    {"aot", reference | label_smoothing, aot_losses},
    {"aot_unpaired", reference | label_smoothing, aot_unpaired_losses},
    {"apo_zero", reference | weighting, apo_zero_loss},
    {"apo_down", reference | weighting, apo_down_loss},
    {"discopop", reference | divergence | weighting, discopop_loss},
    {"sft", divergence | reports_nll, sft_loss},
    {"sigmoid_norm", reference | divergence | weighting, sigmoid_norm_loss},
    {"simpo", label_smoothing | scores_per_token, simpo_loss},
    {"orpo", reports_nll | reports_odds | scores_per_token, orpo_loss},
    {"cpo", label_smoothing | reports_nll, cpo_loss},
};

}  // namespace

std::span<const Loss> all_losses() { return table; }

const Loss* find_loss(std::string_view name) {
    const auto found = std::ranges::find(table, name, &Loss::name);
    return found == std::end(table) ? nullptr : &*found;
}

const Loss& loss_named(std::string_view name) {
    if (const Loss* loss = find_loss(name)) return *loss;
    throw Error(ExitCode::internal, "There is no loss \"" + std::string(name) + "\"", "train/loss",
                "Report this.");
}

std::vector<Dual> Loss::of(const std::vector<PairTerms>& pairs, const StepSize& step,
                           const LossOptions& options) const {
    if (const auto* whole = std::get_if<StepFormula>(&formula)) return (*whole)(pairs, options);
    const auto of_pair = std::get<PairFormula>(formula);
    std::vector<Dual> losses(pairs.size());
    std::ranges::transform(pairs, losses.begin(),
                           [&](const PairTerms& pair) { return of_pair(pair, step, options); });
    return losses;
}

bool any_has(const LossOptions& options, LossTrait trait) {
    return std::ranges::any_of(options.terms, [&](const auto& term) { return term.loss->has(trait); });
}

bool needs_step(const LossOptions& options) {
    return std::ranges::any_of(options.terms, [](const auto& term) { return term.loss->needs_step(); });
}

}  // namespace wishbone
