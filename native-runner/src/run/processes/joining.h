#pragma once

#include <filesystem>
#include <memory>

#include "comm/processes/process_group.h"
#include "core/error.h"
#include "run/inputs.h"

namespace wishbone {

/// Meets the other processes of the run in `folder`; in one that is not the first `folder` may be empty, to be told which it is.
/// A process that cannot read the run says so to the others before it throws. Throws as `meet` does.
std::unique_ptr<ProcessGroup> join_processes(const ProcessPlace& place, const std::filesystem::path& folder);

/// In the first: tells the others, as they come, that it cannot begin. Does not wait for them for long.
void tell_of_failure(const ProcessPlace& place, const Error& error) noexcept;

/// Throws Error(bad_input), in every process, where the run is not the same for all: another plan, other settings, another model.
void check_same_run(ProcessGroup& processes, const RunInputs& inputs);

/// What a process that is not the first, and fails, leaves in the run's log, `runner.log`; the first one's events tell of all else.
void log_failure(const ProcessGroup& processes, const std::filesystem::path& folder,
                 const Error& error) noexcept;

}  // namespace wishbone
