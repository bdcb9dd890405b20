#pragma once

#include <cstdint>
#include <optional>

#include "core/stopwatch.h"
#include "run/checkpoint/best_model.h"
#include "run/checkpoint/checkpoint.h"
#include "run/inputs.h"
#include "run/process/run_lock.h"
#include "run/replica.h"
#include "run/reporter.h"

namespace wishbone {

/// When a run writes a checkpoint, and what it says of it.
class Checkpoints {
  public:
    /// `resumed`: the one the run goes on from. Minutes count from here on.
    Checkpoints(const RunInputs& inputs, const RunLock& lock, Replica& replica, Reporter& reporter,
                const Checkpoint* resumed);

    /// Writes what is due after `done` steps: a whole checkpoint, or the weights alone of a model that is the best so far.
    /// `over`: these were the last.
    void after_step(std::int64_t done, bool over, const BestModel& best, bool is_best);
    /// A whole one of `done` steps, unless there is one already.
    void save(std::int64_t done, const BestModel& best);

  private:
    bool is_due(std::int64_t done) const;
    CheckpointState state(std::int64_t done, const BestModel& best) const;

    const RunInputs& inputs_;
    const RunLock& lock_;
    Replica& replica_;
    Reporter& reporter_;
    std::int64_t saved_;                      ///< step of the newest one
    std::optional<std::int64_t> saved_best_;  ///< step of the best evaluation that it knows of
    Stopwatch since_saved_;
};

}  // namespace wishbone
