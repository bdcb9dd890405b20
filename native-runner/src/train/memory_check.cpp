#include "train/memory_check.h"

#include <cstdio>
#include <fstream>
#include <string>

#include "core/error.h"

namespace wishbone {

namespace {

std::string gigabytes(double bytes) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f GB", bytes / 1e9);
    return text;
}

}  // namespace

void check_host_memory(std::int64_t parameters, int copies) {
    std::ifstream in("/proc/meminfo");
    std::string name, unit;
    double kibibytes = 0, available = 0;
    while (in >> name >> kibibytes && std::getline(in, unit))
        if (name == "MemAvailable:" || name == "SwapFree:") available += kibibytes * 1024;
    const double needed = static_cast<double>(parameters) * 4 * copies;
    if (available > 0 && needed > available)
        throw Error(ExitCode::out_of_memory,
                    "Weights, gradients and optimizer need " + gigabytes(needed) + " of memory, " +
                        gigabytes(available) + " are free",
                    "this machine",
                    "Use a smaller model or a machine with more memory; \"reference\": \"precompute\" needs "
                    "less than "
                    "\"in_step\".");
}

}  // namespace wishbone
