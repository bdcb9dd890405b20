#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "backend/backend.h"
#include "comm/communicator.h"
#include "comm/processes/process_group.h"
#include "comm/rank_threads.h"
#include "run/ahead.h"
#include "run/inputs.h"
#include "run/process/run_lock.h"
#include "run/processes/command.h"

namespace wishbone {

/// The devices a run works on, each a rank with a thread of its own: `runner.devices` of run.json, else the one of
/// `runner.device`. Made by the thread of the first. Of several processes each has those of its machine, or where there are several on
/// one, one of them; ranks are numbered process by process.
class Devices {
  public:
    /// Keeps in run.json how many threads a device has, where results depend on it: whoever goes on with the run will use as many.
    /// `processes`: where there are several; all make this at the same time, on the backend of the first, which alone has a `lock`
    /// and keeps anything. Throws Error(bad_input) when a device cannot be had, or cannot do what the run asks.
    /// `ahead`: what may have opened the device already.
    Devices(const RunInputs& inputs, const RunLock* lock, ProcessGroup* processes, Ahead* ahead);

    std::size_t count() const { return backends_.size(); }
    Backend& backend(std::size_t rank) { return *backends_[rank]; }
    Backend& first() { return *backends_.front(); }
    Communicator& ranks(std::size_t rank) {
        return communicators_.empty() ? single_rank() : *communicators_[rank];
    }
    /// How many devices there are on this machine, with those of other processes.
    std::size_t on_this_machine() const;
    /// How many of these have the same memory.
    std::size_t sharing_memory() const;
    /// How many processes have such devices.
    int processes() const { return processes_ != nullptr ? processes_->processes() : 1; }
    /// The largest of what each process has. By all of them at the same time.
    int most(int own);

    /// work(rank) in the threads of all of them at once: RankThreads::run.
    void each(const std::function<void(std::size_t rank)>& work);

    /// In the first process: what all do next. Nothing where there is only one, or in another.
    void tell(const Command& command);
    /// In another: what that is; nothing when the first is done.
    std::optional<Command> next_command();

  private:
    ProcessGroup* processes_;
    std::vector<std::unique_ptr<Backend>> backends_;
    std::vector<std::unique_ptr<Communicator>> communicators_;  ///< none for a single device
    std::unique_ptr<RankThreads> threads_;
};

}  // namespace wishbone
