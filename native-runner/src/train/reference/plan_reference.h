#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "plan/plan.h"

namespace wishbone {

/// Reference log-probabilities of a plan's sequences, computed before the first step: one value for each
/// different sequence (`sequence_reference`), and with LD-DPO for each different length of the other response
/// of its pair, on which the sequence's value then depends.
class PlanReference {
  public:
    PlanReference() = default;
    PlanReference(const Plan& plan, std::optional<double> ld_alpha);

    std::size_t keys() const { return keys_; }
    std::size_t key(std::int32_t sequence) const {
        return static_cast<std::size_t>(key_of_sequence_[static_cast<std::size_t>(sequence)]);
    }
    double logp(std::int32_t sequence) const { return logps.at(key(sequence)); }

    std::vector<double> logps;  ///< by key; filled by Trainer::compute_reference or from a file

  private:
    std::vector<std::int32_t> key_of_sequence_;
    std::size_t keys_ = 0;
};

/// Targets of each sequence of the plan.
std::vector<std::int32_t> target_counts(const Plan& plan);

}  // namespace wishbone
