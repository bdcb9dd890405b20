#include "train/loss/loss_options.h"

#include <algorithm>

namespace wishbone {

const std::vector<LossTraits>& all_losses() {
    // type, name, needs reference, needs step, takes divergence, takes label smoothing, takes weighting
    static const std::vector<LossTraits> table = {
        {LossType::sigmoid, "sigmoid", true, false, true, false, true},
        {LossType::hinge, "hinge", true, false, true, false, true},
        {LossType::ipo, "ipo", true, false, true, false, true},
        {LossType::exo_pair, "exo_pair", true, false, true, true, true},
        {LossType::nca_pair, "nca_pair", true, false, false, false, true},
        {LossType::robust, "robust", true, false, true, true, true},
        {LossType::bco_pair, "bco_pair", true, false, false, false, true},
        {LossType::sppo_hard, "sppo_hard", true, false, false, false, true},
        {LossType::aot, "aot", true, true, false, true, false},
        {LossType::aot_unpaired, "aot_unpaired", true, true, false, true, false},
        {LossType::apo_zero, "apo_zero", true, false, false, false, true},
        {LossType::apo_down, "apo_down", true, false, false, false, true},
        {LossType::discopop, "discopop", true, false, true, false, true},
        {LossType::sft, "sft", false, false, true, false, false},
        {LossType::sigmoid_norm, "sigmoid_norm", true, false, true, false, true},
        {LossType::simpo, "simpo", false, false, false, true, false},
        {LossType::orpo, "orpo", false, false, false, false, false},
        {LossType::cpo, "cpo", false, false, false, true, false},
    };
    return table;
}

const LossTraits& traits(LossType type) { return all_losses()[static_cast<std::size_t>(type)]; }

bool needs_reference(const LossOptions& options) {
    return std::ranges::any_of(options.terms,
                               [](const auto& term) { return traits(term.type).needs_reference; });
}

bool needs_step(const LossOptions& options) {
    return std::ranges::any_of(options.terms, [](const auto& term) { return traits(term.type).needs_step; });
}

std::optional<LossConflict> conflict_of(const LossOptions& options) {
    const auto without = [&](bool LossTraits::* trait) -> const char* {
        for (const auto& term : options.terms)
            if (!(traits(term.type).*trait)) return traits(term.type).name;
        return nullptr;
    };
    const auto names_with = [](bool LossTraits::* trait) {
        std::string names;
        for (const LossTraits& loss : all_losses())
            if (loss.*trait) names += (names.empty() ? "" : ", ") + std::string(loss.name);
        return names;
    };
    const auto any_takes_smoothing =
        std::ranges::any_of(options.terms, [](const auto& term) { return traits(term.type).takes_label_smoothing; });
    const auto has = [&](LossType type) {
        return std::ranges::any_of(options.terms, [&](const auto& term) { return term.type == type; });
    };
    if (options.f_divergence_type != Divergence::reverse_kl)
        if (const char* loss = without(&LossTraits::takes_divergence))
            return LossConflict{"f_divergence_type",
                                std::string("The loss \"") + loss + "\" does not support this divergence",
                                "Use \"reverse_kl\", or only losses of " + names_with(&LossTraits::takes_divergence) + "."};
    if (options.use_weighting)
        if (const char* loss = without(&LossTraits::takes_weighting))
            return LossConflict{"use_weighting",
                                std::string("The loss \"") + loss + "\" cannot be combined with WPO weighting",
                                "Set use_weighting to false, or leave that loss out."};
    // The log-probabilities of these losses are TRL's CPOTrainer's and ORPOTrainer's, which know no LD-DPO.
    if (options.ld_alpha && std::ranges::none_of(options.terms, [](const auto& term) {
            return traits(term.type).needs_reference;
        }))
        return LossConflict{"ld_alpha", "LD-DPO needs a loss that compares with a reference",
                            "Leave ld_alpha out, or use such a loss, for example sigmoid."};
    if (options.label_smoothing != 0 && !any_takes_smoothing)
        return LossConflict{"label_smoothing", "None of the losses takes label smoothing",
                            "Set it to 0, or use one of " + names_with(&LossTraits::takes_label_smoothing) + "."};
    if (has(LossType::exo_pair) && options.label_smoothing == 0)
        return LossConflict{"label_smoothing", "The loss \"exo_pair\" needs label smoothing above 0",
                            "Set it to 0.001, as the paper does."};
    if (has(LossType::robust) && options.label_smoothing >= 0.5)
        return LossConflict{"label_smoothing",
                            "The loss \"robust\" needs label smoothing below 0.5: it is the chance that a label is flipped",
                            "Set it to 0.1, as the paper does."};
    return std::nullopt;
}

}  // namespace wishbone
