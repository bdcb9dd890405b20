#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "plan/plan.h"
#include "train/loss/sequence_logps.h"

namespace wishbone {

/// Makes the log-probabilities of all sequences in `bins` known to every rank, each being known to the one that computed the bin it
/// lies in; `own`, ascending, are this rank's. Nothing to do for a single rank.
void share_logps(Communicator& ranks, const Plan& plan, Plan::Range bins, std::span<const std::int64_t> own,
                 std::vector<SequenceState>& sequences);

/// Whether any rank says so. The same answer for all.
bool any_rank(Communicator& ranks, bool says);

}  // namespace wishbone
