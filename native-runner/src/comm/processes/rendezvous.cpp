#include "comm/processes/rendezvous.h"

#include <unistd.h>

#include "comm/processes/reception.h"
#include "comm/processes/visit.h"

namespace wishbone {

std::string host_name() {
    char name[256] = "";
    ::gethostname(name, sizeof name - 1);
    return name;
}

Met meet(const Introduction& self, const ProcessLimits& limits, const std::function<bool()>& given_up) {
    if (self.place.process == 0) return {receive_processes(self, limits, given_up), self.folder};
    return visit_first_process(self, limits, given_up);
}

}  // namespace wishbone
