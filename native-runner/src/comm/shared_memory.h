#pragma once

#include <vector>

#include "comm/meeting.h"
#include "core/tensor.h"

namespace wishbone::shared_memory {

// What threads that have memory in common do with each other's tensors: Communicator's operations among the ranks that meet. `rank`:
// number of the one that calls, at the meeting. Sums add in the order of ranks.

void all_reduce(Meeting& meeting, int rank, Tensor x_accumulated);
void reduce_scatter(Meeting& meeting, int rank, Tensor own, Tensor all);
void all_gather(Meeting& meeting, int rank, Tensor all, Tensor own);
std::vector<void*> show(Meeting& meeting, int rank, void* own);
/// `to` becomes what lies at `from`.
void pull(Tensor to, const void* from);

}  // namespace wishbone::shared_memory
