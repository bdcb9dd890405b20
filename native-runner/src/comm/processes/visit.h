#pragma once

#include <functional>

#include "comm/processes/rendezvous.h"

namespace wishbone {

/// `meet` in a process that is not the first: connects to that one, and tries again until it is there.
Met visit_first_process(const Introduction& self, const ProcessLimits& limits,
                        const std::function<bool()>& given_up);

}  // namespace wishbone
