#pragma once

#include <cstdint>

namespace wishbone {

/// What of a run is kept in the host's memory and streamed through the device when it is needed.
struct Offload {
    bool optimizer = false;  ///< AdamW's moments and the f32 master weights
    /// Elements that are on the device at once, three times over, at most: with moments in f32 192 MiB. A bus is no faster with more.
    std::int64_t piece = std::int64_t{1} << 24;
};

}  // namespace wishbone
