#include "train/reference/plan_reference.h"

#include <algorithm>
#include <map>
#include <utility>

namespace wishbone {

namespace {

std::size_t index(std::int64_t value) { return static_cast<std::size_t>(value); }

}  // namespace

PlanReference::PlanReference(const Plan& plan, std::optional<double> ld_alpha)
    : key_of_sequence_(plan.sequence_reference) {
    if (ld_alpha) {
        const std::vector<std::int32_t> targets = target_counts(plan);
        std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> known;
        for (std::size_t p = 0; p < plan.pair_chosen.size(); ++p) {
            const std::int32_t chosen = plan.pair_chosen[p], rejected = plan.pair_rejected[p];
            for (const auto& [own, other] : {std::pair(chosen, rejected), std::pair(rejected, chosen)}) {
                // Beyond its own length a cut changes nothing.
                const std::int32_t cut = std::min(targets[index(own)], targets[index(other)]);
                const auto next = static_cast<std::int32_t>(known.size());
                key_of_sequence_[index(own)] =
                    known.try_emplace({plan.sequence_reference[index(own)], cut}, next).first->second;
            }
        }
    }
    keys_ = index(std::ranges::max(key_of_sequence_)) + 1;
}

std::vector<std::int32_t> target_counts(const Plan& plan) {
    std::vector<std::int32_t> counts(index(plan.sequences()), 0);
    for (const std::int32_t sequence : plan.target_sequence) ++counts[index(sequence)];
    return counts;
}

}  // namespace wishbone
