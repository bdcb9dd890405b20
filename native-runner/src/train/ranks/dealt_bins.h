#pragma once

#include <cstdint>
#include <vector>

#include "plan/plan.h"

namespace wishbone {

/// Which of the bins [bins.begin, bins.end) each of `ranks` computes: dealt out by what they cost (`bin_flops`), the dearest first,
/// each to the rank that has the least so far. The same for everybody who asks; ascending within a rank, which may have none.
std::vector<std::vector<std::int64_t>> dealt_bins(const Plan& plan, Plan::Range bins, int ranks);
/// The same for some bins, in ascending order.
std::vector<std::vector<std::int64_t>> dealt_bins(const Plan& plan, std::vector<std::int64_t> bins,
                                                  int ranks);

}  // namespace wishbone
