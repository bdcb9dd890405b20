#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace wishbone {

struct Loss;
/// A row of the table in losses.cpp, or null.
const Loss* find_loss(std::string_view name);

/// How far policy and reference are apart (f-DPO, arXiv 2309.16240).
enum class Divergence { reverse_kl, forward_kl, js_divergence, alpha_divergence };

/// The preference loss: a weighted sum of terms. Names and meanings follow TRL's DPOConfig, and CPOConfig for
/// `simpo_gamma` and `cpo_alpha`.
struct LossOptions {
    struct Term {
        const Loss* loss = find_loss("sigmoid");
        double weight = 1;

        bool operator==(const Term&) const = default;
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

    bool operator==(const LossOptions&) const = default;
};

}  // namespace wishbone
