#pragma once

#include <cstdint>
#include <string>

namespace wishbone {

/// What tells this process from a later one with the same number, on this boot or another.
struct ProcessIdentity {
    std::int64_t pid = 0;
    std::uint64_t start = 0;  ///< field 22 of /proc/<pid>/stat: clock ticks since boot
    std::string boot_id;      ///< /proc/sys/kernel/random/boot_id
};

/// Parts that /proc does not give stay 0 or empty.
ProcessIdentity identify_this_process();

}  // namespace wishbone
