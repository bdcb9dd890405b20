#include "run/process/process_identity.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>

namespace wishbone {

ProcessIdentity identify_this_process() {
    ProcessIdentity identity;
    identity.pid = ::getpid();
    std::ifstream stat_file("/proc/self/stat");
    const std::string stat((std::istreambuf_iterator<char>(stat_file)), std::istreambuf_iterator<char>());
    // Field 2, the name in parentheses, may itself hold spaces and parentheses.
    if (const auto name_end = stat.rfind(')'); name_end != std::string::npos) {
        std::istringstream rest(stat.substr(name_end + 1));
        std::string skipped;
        for (int field = 3; field < 22; ++field) rest >> skipped;
        rest >> identity.start;
    }
    std::ifstream("/proc/sys/kernel/random/boot_id") >> identity.boot_id;
    return identity;
}

}  // namespace wishbone
