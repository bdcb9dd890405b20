#pragma once

#include <cstddef>

namespace wishbone {

/// Bytes, as the system says; 0 where it does not.
struct HostMemory {
    std::size_t available = 0;  ///< the page cache counted as free
    std::size_t swap = 0;       ///< free
};

HostMemory host_memory();

}  // namespace wishbone
