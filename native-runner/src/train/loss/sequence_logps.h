#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "plan/plan.h"
#include "train/loss/preference_loss.h"

namespace wishbone {

/// What a step knows of one sequence.
struct SequenceState {
    ResponseLogps logps;
    ResponseGradient gradient;
    /// Targets of the shorter response of its pair: where LD-DPO's weight of later ones begins.
    std::int32_t shared_tokens = 0;
};

/// What the head says of each target of a bin. `log_sum_squares`, log of the sum of squared probabilities of the
/// row, only where WPO asks for it.
struct TargetLogps {
    std::vector<float> logps, log_sum_squares;
};

/// Weights of targets by LD-DPO's rule (arXiv 2409.06411): `ld_alpha` beyond the length of the pair's shorter
/// response, else 1. Absent: 1 everywhere.
class LengthWeights {
  public:
    explicit LengthWeights(std::optional<double> ld_alpha) : ld_alpha_(ld_alpha) {}
    bool on() const { return ld_alpha_.has_value(); }
    double of(std::int32_t place, std::int32_t shared_tokens) const {
        return ld_alpha_ && place >= shared_tokens ? *ld_alpha_ : 1.0;
    }

  private:
    std::optional<double> ld_alpha_;
};

/// Sums the log-probabilities of a bin's targets by sequence id.
void add_by_sequence(const BinView& bin, std::span<const float> logps, std::span<double> by_sequence);

/// Adds the policy's values of a bin's targets to their sequences (by sequence id).
void add_policy(const BinView& bin, const TargetLogps& values, const LengthWeights& weights,
                std::span<SequenceState> sequences);
/// Adds the reference's.
void add_reference(const BinView& bin, std::span<const float> logps, const LengthWeights& weights,
                   std::span<SequenceState> sequences);
/// d loss / d log-probability of each of the bin's targets, from its sequence's gradient.
void target_weights(const BinView& bin, const LengthWeights& weights,
                    std::span<const SequenceState> sequences, std::vector<float>& out);

}  // namespace wishbone
