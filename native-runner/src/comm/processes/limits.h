#pragma once

#include <chrono>

#include "comm/communicator.h"
#include "comm/processes/connection.h"

namespace wishbone {

/// How long the processes of a run wait for each other.
struct ProcessLimits {
    Seconds meeting = std::chrono::minutes(10);  ///< until all are there
    Seconds hello = std::chrono::seconds(10);    ///< for whoever has connected to say who it is
    Seconds silence = std::chrono::seconds(20);  ///< a process that says nothing for so long hangs
    Seconds end = std::chrono::seconds(
        27);  ///< from the last that was heard of a process that failed to the end of all
    Seconds work = rank_time_limit;  ///< at one operation

    /// These, or with WISHBONE_MEETING_SECONDS and WISHBONE_SILENCE_SECONDS as they say. Throws Error(bad_input).
    static ProcessLimits from_environment();
};

}  // namespace wishbone
