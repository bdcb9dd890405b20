#pragma once

#include <memory>
#include <vector>

#include "comm/communicator.h"
#include "comm/processes/process_group.h"

namespace wishbone {

/// Of the `size` ranks of this process among those of all processes of the group, which are numbered process by process; for
/// tensors in host memory. Every process calls this. Sums add in the order of ranks: those over all ranks are the bits of as many
/// threads of one process. `group` must outlive them.
std::vector<std::unique_ptr<HostCommunicator>> make_process_ranks(ProcessGroup& group, int size);

}  // namespace wishbone
