#include "train/step_state.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "train/ranks/shared_logps.h"

namespace wishbone {

namespace {

std::size_t index(std::int64_t value) { return static_cast<std::size_t>(value); }

}  // namespace

StepState::StepState(const Plan& plan, std::int64_t step, const PreferenceLoss& loss,
                     const LengthWeights& lengths, const PlanReference* reference,
                     std::vector<SequenceState>& sequences)
    : plan_(plan),
      loss_(loss),
      lengths_(lengths),
      sequences_(sequences),
      step_(step),
      bins_(plan.bins_of_step(step)),
      pairs_(plan.pairs_of_step(step)),
      sources_(plan.sources.size()) {
    if (sequences_.size() < index(plan.sequences())) sequences_.resize(index(plan.sequences()));
    for (std::int64_t p = pairs_.begin; p < pairs_.end; ++p)
        for (const std::int32_t sequence : {plan.pair_chosen[index(p)], plan.pair_rejected[index(p)]})
            sequences_[index(sequence)] = {};
    for (std::int64_t b = bins_.begin; b < bins_.end; ++b)
        for (const std::int32_t sequence : plan.bin(b).target_sequence)
            sequences_[index(sequence)].logps.tokens += 1;

    size_.pairs = pairs_.end - pairs_.begin;
    values_.resize(index(size_.pairs));
    bool pairs_are_whole = true;
    for (std::int64_t p = pairs_.begin; p < pairs_.end; ++p) {
        const std::int32_t chosen = plan.pair_chosen[index(p)], rejected = plan.pair_rejected[index(p)];
        SequenceState &a = sequences_[index(chosen)], &b = sequences_[index(rejected)];
        a.shared_tokens = b.shared_tokens =
            static_cast<std::int32_t>(std::min(a.logps.tokens, b.logps.tokens));
        if (reference != nullptr) {
            a.logps.reference = reference->logp(chosen);
            b.logps.reference = reference->logp(rejected);
        }
        size_.chosen_tokens += static_cast<std::int64_t>(a.logps.tokens);
        pairs_are_whole &= plan.bin_of_sequence(chosen) == plan.bin_of_sequence(rejected);
    }
    const bool one_bin = bins_.end - bins_.begin == 1;
    bins_are_independent_ = pairs_are_whole && (one_bin || !loss.needs_step());
}

void StepState::add_policy(const BinView& bin, const TargetLogps& values) {
    wishbone::add_policy(bin, values, lengths_, sequences_);
}

void StepState::add_reference(const BinView& bin, std::span<const float> logps) {
    wishbone::add_reference(bin, logps, lengths_, sequences_);
}

void StepState::share(Communicator& ranks, std::span<const std::int64_t> own) {
    share_logps(ranks, plan_, bins_, own, sequences_);
}

void StepState::evaluate_every_bin() {
    metrics_ = {};
    std::ranges::fill(sources_, PairMetrics());
    for (std::int64_t b = bins_.begin; b < bins_.end; ++b) evaluate_bin(b);
}

void StepState::evaluate_bin(std::int64_t bin) {
    std::vector<std::size_t> pairs;
    for (std::int64_t p = pairs_.begin; p < pairs_.end; ++p)
        if (plan_.bin_of_sequence(plan_.pair_chosen[index(p)]) == bin) pairs.push_back(index(p));
    evaluate(pairs);
}

void StepState::evaluate_all() {
    std::vector<std::size_t> pairs;
    for (std::int64_t p = pairs_.begin; p < pairs_.end; ++p) pairs.push_back(index(p));
    evaluate(pairs);
}

void StepState::evaluate(const std::vector<std::size_t>& pairs) {
    const auto state = [&](std::int32_t sequence) -> SequenceState& { return sequences_[index(sequence)]; };
    std::vector<PairLogps> logps;
    logps.reserve(pairs.size());
    for (const std::size_t p : pairs)
        logps.push_back({state(plan_.pair_chosen[p]).logps, state(plan_.pair_rejected[p]).logps});
    std::vector<PairGradient> gradients(pairs.size());
    std::vector<PreferenceMetrics> each(pairs.size());
    const PreferenceMetrics sum = loss_.evaluate(logps, size_, gradients, each);
    metrics_.add({static_cast<std::int64_t>(pairs.size()), sum});
    for (std::size_t i = 0; i < each.size(); ++i) {
        values_[pairs[i] - index(pairs_.begin)] = PairValues::of(each[i]);
        if (!sources_.empty()) sources_[index(plan_.pair_source[pairs[i]])].add({1, each[i]});
    }
    const auto add = [&](std::int32_t sequence, const ResponseGradient& gradient) {
        ResponseGradient& own = state(sequence).gradient;
        own.logp += gradient.logp;
        own.plain += gradient.plain;
    };
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        add(plan_.pair_chosen[pairs[i]], gradients[i].chosen);
        add(plan_.pair_rejected[pairs[i]], gradients[i].rejected);
    }
    if (!std::isfinite(metrics_.sum.loss)) throw not_finite("loss", step_);
}

void StepState::target_weights(const BinView& bin, std::vector<float>& out) const {
    wishbone::target_weights(bin, lengths_, sequences_, out);
}

Error not_finite(const char* what, std::int64_t step) {
    return bad_input(
        std::string("The ") + what + " is not a finite number", "step " + std::to_string(step + 1),
        "Lower learning_rate or beta, or raise warmup_ratio, in a new run. The last checkpoint is intact.");
}

}  // namespace wishbone
