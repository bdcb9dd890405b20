#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "comm/processes/connection.h"
#include "comm/processes/limits.h"
#include "comm/processes/place.h"
#include "core/error.h"

namespace wishbone {

/// What a process says of itself when it comes.
struct Introduction {
    ProcessPlace place;
    std::string version;                ///< of the runner
    std::string run;                    ///< id of the run; empty where it is to be told which run it is
    std::string folder;                 ///< of the run, absolute: what the first tells the others
    std::optional<Error> failure = {};  ///< it comes to say this, and to end all
};

/// Another process: a connection for numbers, and one for what is said beside them.
struct Peer {
    int process = 0;
    std::string host;
    Connection data, control;

    /// "Process 1 on n2"
    std::string name() const { return "Process " + std::to_string(process) + " on " + host; }
};

struct Met {
    std::vector<Peer> peers;  ///< of the first process: all others, in order; of another: the first
    std::string folder;       ///< of the run
};

/// All processes of a run find each other: the first listens, the others connect, and try again until it is there. Returns when all
/// are there. Whoever else connects is turned away, within limits. Throws, everywhere, Error(bad_input) when processes
/// have different versions or contradict each other, or some are not there in time; and the failure of a process that has come
/// with one. `given_up` ends the wait with Error(interrupted).
Met meet(const Introduction& self, const ProcessLimits& limits, const std::function<bool()>& given_up);

/// The name of this machine.
std::string host_name();

}  // namespace wishbone
