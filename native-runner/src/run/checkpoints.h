#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/stopwatch.h"
#include "run/checkpoint/background_writer.h"
#include "run/checkpoint/best_model.h"
#include "run/checkpoint/checkpoint.h"
#include "run/checkpoint/snapshot.h"
#include "run/inputs.h"
#include "run/models_used.h"
#include "run/process/run_lock.h"
#include "run/replicas.h"
#include "run/reporter.h"

namespace wishbone {

/// When a run writes a checkpoint, and what it says of it. Training goes on while one is written: what it is of is copied, on the
/// device where that has room, else to host memory while the next step's gradients are worked out. Where neither has room,
/// training waits, and stderr says so.
class Checkpoints {
  public:
    /// `models`: what a checkpoint notes of them. `resumed`: the one the run goes on from. Minutes count from here on. `device_room`: bytes of the device that the run itself
    /// does not need.
    Checkpoints(const RunInputs& inputs, const RunLock& lock, ModelsUsed& models, Replicas& replicas,
                Reporter& reporter, const Checkpoint* resumed, std::size_t device_room);
    ~Checkpoints();
    Checkpoints(const Checkpoints&) = delete;
    Checkpoints& operator=(const Checkpoints&) = delete;

    /// Begins what is due after `done` steps: a whole checkpoint, or the weights alone of a model that is the best so far.
    /// `over`: these were the last. One that could not be written is told of, and tried again.
    void after_step(std::int64_t done, bool over, const BestModel& best, bool is_best);
    /// A whole one of `done` steps, unless there is one already. Throws Error(cannot_write).
    void save(std::int64_t done, const BestModel& best);
    /// Waits for what is being written, where it is of the end of the run. Throws Error(cannot_write).
    void finish();
    /// Step of the newest whole one that was written, or resumed from; -1: none.
    std::int64_t saved() const { return saved_; }

  private:
    /// What is under way.
    struct Pending {
        CheckpointState state;
        bool must_succeed;  ///< the run has no later chance
    };

    bool is_due(std::int64_t done) const;
    CheckpointState state(std::int64_t done, const BestModel& best) const;
    void begin(const CheckpointState& state, bool must_succeed);
    /// Copies of `files` with the room they need; null where there is none.
    Snapshot* place_for(const CheckpointFiles& files);
    void write(const CheckpointState& state, const CheckpointFiles& files,
               std::optional<std::int64_t> also_kept) const;
    /// Takes note of what was written, once it is, or of why not.
    void collect();
    void written(const CheckpointState& state);

    const RunInputs& inputs_;
    const RunLock& lock_;
    ModelsUsed& models_;
    Replicas& replicas_;
    Reporter& reporter_;
    std::int64_t saved_;                      ///< step of the newest one
    std::optional<std::int64_t> saved_best_;  ///< step of the best evaluation that it knows of
    Stopwatch since_begun_;                   ///< the newest one
    std::optional<Stopwatch> since_failed_;
    bool has_told_of_failure_ = false, has_told_of_waiting_ = false;
    std::unique_ptr<Backend> host_;  ///< memory for copies, where they are not on the device
    Snapshot on_device_;
    std::unique_ptr<Snapshot> on_host_;
    std::optional<Pending> pending_;
    BackgroundWriter writer_;  ///< last: it is over before the rest goes
};

}  // namespace wishbone
