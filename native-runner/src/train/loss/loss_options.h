#pragma once

#include <optional>
#include <string>
#include <vector>

namespace wishbone {

/// What a term of the loss is; names, formulas and sources in docs/methods.md.
enum class LossType {
    sigmoid,
    hinge,
    ipo,
    exo_pair,
    nca_pair,
    robust,
    bco_pair,
    sppo_hard,
    aot,
    aot_unpaired,
    apo_zero,
    apo_down,
    discopop,
    sft,
    sigmoid_norm,
    simpo,
    orpo,
    cpo,
};

/// How far policy and reference are apart (f-DPO, arXiv 2309.16240).
enum class Divergence { reverse_kl, forward_kl, js_divergence, alpha_divergence };

/// The preference loss: a weighted sum of terms. Names and meanings follow TRL's DPOConfig, and CPOConfig for
/// `simpo_gamma` and `cpo_alpha`.
struct LossOptions {
    struct Term {
        LossType type = LossType::sigmoid;
        double weight = 1;
    };
    std::vector<Term> terms = {{}};
    double beta = 0.1;
    double label_smoothing = 0;
    Divergence f_divergence_type = Divergence::reverse_kl;
    double f_alpha_divergence_coef = 0.5;
    /// Weight of a response's tokens beyond the length of the shorter one of its pair (LD-DPO); absent: 1.
    std::optional<double> ld_alpha;
    bool use_weighting = false;  ///< WPO: pairs weighted by how likely the policy is to write them
    double discopop_tau = 0.05;
    double simpo_gamma = 0.5;  ///< reward margin of `simpo`
    double cpo_alpha = 1;      ///< weight of the chosen response's mean NLL in `cpo`
};

/// What a loss type needs and goes together with.
struct LossTraits {
    LossType type;
    const char* name;
    bool needs_reference;       ///< reads reference log-probabilities
    bool needs_step;            ///< one pair's gradient depends on other pairs
    bool takes_divergence;      ///< has a form for f-divergences other than reverse KL
    bool takes_label_smoothing;
    bool takes_weighting;       ///< goes with WPO and LD-DPO
};

const LossTraits& traits(LossType type);
/// In the order of LossType.
const std::vector<LossTraits>& all_losses();

/// What is wrong with the options together, for people, and what to do about it; nothing when they fit.
struct LossConflict {
    std::string option;  ///< the one to change
    std::string what, advice;
};
std::optional<LossConflict> conflict_of(const LossOptions& options);

/// Some term reads reference log-probabilities.
bool needs_reference(const LossOptions& options);
/// Some term needs all pairs of a step before the gradient of one.
bool needs_step(const LossOptions& options);

}  // namespace wishbone
