#pragma once

#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "train/loss/dual.h"
#include "train/loss/loss_options.h"
#include "train/loss/pair_terms.h"

namespace wishbone {

/// What a loss needs and goes together with. The first four are also in the extension's table
/// (src/core/options/losses.ts); test/options.json holds the two together.
enum class LossTrait : unsigned {
    reference = 1,              ///< reads reference log-probabilities
    label_smoothing = 2,        ///< takes `label_smoothing`
    divergence = 4,             ///< has a form for f-divergences other than reverse KL
    weighting = 8,              ///< goes with WPO
    smoothing_above_zero = 16,  ///< has no value without label smoothing
    smoothing_below_half = 32,  ///< corrects for flipped labels: more than half of them cannot be
    reports_nll = 64,           ///< logs `nll_loss`
    reports_odds = 128,         ///< logs the odds ratio
    scores_per_token = 256,     ///< compares mean log-probabilities
};
constexpr LossTrait operator|(LossTrait a, LossTrait b) {
    return static_cast<LossTrait>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

/// The loss of one pair.
using PairFormula = Dual (*)(const PairTerms& pair, const StepSize& step, const LossOptions& options);
/// The loss of each pair of a whole step, where one depends on others. A value has slopes only for
/// its own pair: where it depends on two pairs, each pair gets its part, so that the sums are right.
using StepFormula = std::vector<Dual> (*)(const std::vector<PairTerms>& pairs, const LossOptions& options);

/// A term of the loss; formulas and sources in docs/methods.md.
struct Loss {
    std::string_view name;
    LossTrait traits;
    std::variant<PairFormula, StepFormula> formula;

    bool has(LossTrait trait) const {
        return (static_cast<unsigned>(traits) & static_cast<unsigned>(trait)) != 0;
    }
    /// One pair's gradient depends on other pairs.
    bool needs_step() const { return std::holds_alternative<StepFormula>(formula); }
    /// The loss of each pair, whose mean over the step is the loss of the step. `pairs` are the whole step where
    /// `needs_step`.
    std::vector<Dual> of(const std::vector<PairTerms>& pairs, const StepSize& step,
                         const LossOptions& options) const;
};

std::span<const Loss> all_losses();
/// For a name that the code knows.
const Loss& loss_named(std::string_view name);

/// Some term of the loss has the trait.
bool any_has(const LossOptions& options, LossTrait trait);
/// Some term reads reference log-probabilities.
inline bool needs_reference(const LossOptions& options) { return any_has(options, LossTrait::reference); }
/// Some term needs all pairs of a step before the gradient of one.
bool needs_step(const LossOptions& options);

}  // namespace wishbone
