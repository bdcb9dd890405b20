#pragma once

#include <cstdint>

#include "train/loss/preference_loss.h"

namespace wishbone {

/// Metrics of a number of pairs.
struct PairMetrics {
    std::int64_t pairs = 0;
    PreferenceMetrics sum;

    PreferenceMetrics mean() const { return sum.scaled(pairs > 0 ? 1.0 / static_cast<double>(pairs) : 0.0); }
    void add(const PairMetrics& other) {
        pairs += other.pairs;
        sum += other.sum;
    }
};

/// What is recorded of one pair (docs/formats.md, "pairs.bin"): the metrics of PreferenceMetrics, rounded. The sign of `margin`
/// says whether the chosen response has the higher reward.
struct PairValues {
    float loss = 0, reward_chosen = 0, margin = 0, logp_chosen = 0, logp_rejected = 0;

    static PairValues of(const PreferenceMetrics& metrics) {
        const auto rounded = [](double value) { return static_cast<float>(value); };
        return {rounded(metrics.loss), rounded(metrics.rewards_chosen), rounded(metrics.margins),
                rounded(metrics.logps_chosen), rounded(metrics.logps_rejected)};
    }
};

}  // namespace wishbone
