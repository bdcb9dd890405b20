#pragma once

#include <cstdint>

namespace wishbone {

/// Throws Error(out_of_memory) when weights, gradients and optimizer state alone (4 bytes each, `copies` of
/// `parameters` values) exceed the memory that /proc/meminfo calls available. Linux promises memory it does
/// not have and kills the process later; this says so before hours of work.
void check_host_memory(std::int64_t parameters, int copies);

}  // namespace wishbone
