#pragma once

#include <cstdint>
#include <functional>

namespace wishbone {

/// Asked between two pieces of work; true ends it early.
using StopRequested = std::function<bool()>;
/// Told after each bin how many of how many are done.
using BinProgress = std::function<void(std::int64_t done, std::int64_t total)>;

}  // namespace wishbone
