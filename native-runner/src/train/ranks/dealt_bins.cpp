#include "train/ranks/dealt_bins.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace wishbone {

std::vector<std::vector<std::int64_t>> dealt_bins(const Plan& plan, Plan::Range bins, int ranks) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(bins.end - bins.begin));
    std::iota(all.begin(), all.end(), bins.begin);
    return dealt_bins(plan, std::move(all), ranks);
}

std::vector<std::vector<std::int64_t>> dealt_bins(const Plan& plan, std::vector<std::int64_t> bins,
                                                  int ranks) {
    std::vector<std::vector<std::int64_t>> dealt(static_cast<std::size_t>(ranks));
    if (ranks == 1) {
        dealt.front() = std::move(bins);
        return dealt;
    }
    const auto cost = [&](std::int64_t bin) { return plan.bin_flops[static_cast<std::size_t>(bin)]; };
    // Of equal ones the first bin, and the first rank.
    std::ranges::stable_sort(bins, [&](std::int64_t a, std::int64_t b) { return cost(a) > cost(b); });
    std::vector<double> load(dealt.size(), 0.0);
    for (const std::int64_t bin : bins) {
        const auto least = static_cast<std::size_t>(std::ranges::min_element(load) - load.begin());
        dealt[least].push_back(bin);
        load[least] += cost(bin);
    }
    for (auto& own : dealt) std::ranges::sort(own);
    return dealt;
}

}  // namespace wishbone
