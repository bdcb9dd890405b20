#include "train/loss/conflicts.h"

#include <algorithm>

#include "train/loss/losses.h"

namespace wishbone {

namespace {

/// The first term that has the trait, or has it not; null when there is none.
const Loss* first(const LossOptions& options, LossTrait trait, bool has) {
    for (const auto& term : options.terms)
        if (term.loss->has(trait) == has) return term.loss;
    return nullptr;
}

std::string quoted(const Loss& loss) { return "The loss \"" + std::string(loss.name) + "\""; }

std::string names_with(LossTrait trait) {
    std::string names;
    for (const Loss& loss : all_losses())
        if (loss.has(trait)) names += (names.empty() ? "" : ", ") + std::string(loss.name);
    return names;
}

}  // namespace

std::optional<LossConflict> conflict_of(const LossOptions& options) {
    if (std::ranges::all_of(options.terms, [](const LossOptions::Term& term) { return term.weight == 0; }))
        return LossConflict{"loss_weights", "All weights are 0, so nothing would be trained",
                            "Give at least one loss a weight above 0, or leave loss_weights out: all 1."};
    if (options.f_divergence_type != Divergence::reverse_kl)
        if (const Loss* loss = first(options, LossTrait::divergence, false))
            return LossConflict{
                "f_divergence_type", quoted(*loss) + " does not support this divergence",
                "Use \"reverse_kl\", or only losses of " + names_with(LossTrait::divergence) + "."};
    if (options.use_weighting)
        if (const Loss* loss = first(options, LossTrait::weighting, false))
            return LossConflict{"use_weighting", quoted(*loss) + " cannot be combined with WPO weighting",
                                "Set use_weighting to false, or leave that loss out."};
    // The log-probabilities of losses without a reference are TRL's CPOTrainer's and ORPOTrainer's, which know no LD-DPO.
    if (options.ld_alpha && !needs_reference(options))
        return LossConflict{"ld_alpha", "LD-DPO needs a loss that compares with a reference",
                            "Leave ld_alpha out, or use such a loss, for example sigmoid."};
    if (options.label_smoothing != 0 && !any_has(options, LossTrait::label_smoothing))
        return LossConflict{"label_smoothing", "None of the losses takes label smoothing",
                            "Set it to 0, or use one of " + names_with(LossTrait::label_smoothing) + "."};
    if (options.label_smoothing == 0)
        if (const Loss* loss = first(options, LossTrait::smoothing_above_zero, true))
            return LossConflict{"label_smoothing", quoted(*loss) + " needs label smoothing above 0",
                                "Set it to 0.001, as the paper does."};
    if (options.label_smoothing >= 0.5)
        if (const Loss* loss = first(options, LossTrait::smoothing_below_half, true))
            return LossConflict{
                "label_smoothing",
                quoted(*loss) + " needs label smoothing below 0.5: it is the chance that a label is flipped",
                "Set it to 0.1, as the paper does."};
    return std::nullopt;
}

}  // namespace wishbone
