#include "core/host_memory.h"

#include <fstream>
#include <string>

namespace wishbone {

HostMemory host_memory() {
    HostMemory memory;
    std::ifstream in("/proc/meminfo");
    std::string name, unit;
    std::size_t kibibytes = 0;
    while (in >> name >> kibibytes && std::getline(in, unit)) {
        if (name == "MemAvailable:") memory.available = kibibytes * 1024;
        if (name == "SwapFree:") memory.swap = kibibytes * 1024;
    }
    return memory;
}

}  // namespace wishbone
