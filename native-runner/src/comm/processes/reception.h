#pragma once

#include <functional>
#include <vector>

#include "comm/processes/rendezvous.h"

namespace wishbone {

/// `meet` in the first process: listens, lets in whoever belongs to the run, and turns away all others. When it throws, those who are
/// here, and for a while those who still come, are told why.
std::vector<Peer> receive_processes(const Introduction& self, const ProcessLimits& limits,
                                    const std::function<bool()>& given_up);

}  // namespace wishbone
