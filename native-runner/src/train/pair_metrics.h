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

}  // namespace wishbone
