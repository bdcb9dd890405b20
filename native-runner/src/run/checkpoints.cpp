#include "run/checkpoints.h"

#include <string>

namespace wishbone {

Checkpoints::Checkpoints(const RunInputs& inputs, const RunLock& lock, Replica& replica, Reporter& reporter,
                         const Checkpoint* resumed)
    : inputs_(inputs),
      lock_(lock),
      replica_(replica),
      reporter_(reporter),
      saved_(resumed != nullptr ? resumed->state.step : -1),
      saved_best_(resumed != nullptr ? resumed->state.best.step() : std::nullopt) {}

void Checkpoints::after_step(std::int64_t done, bool over, const BestModel& best, bool is_best) {
    if (done == 0 || saved_ == done) return;
    if (over ? inputs_.options().save_final : is_due(done)) return save(done, best);
    if (!is_best) return;
    // No event: there is nothing to resume from.
    lock_.check();
    write_best_weights(inputs_.folder, state(done, best), replica_.backend(), replica_.trainer(), inputs_.options(),
                       saved_best_);
}

bool Checkpoints::is_due(std::int64_t done) const {
    const std::int64_t every = inputs_.options().save_steps;
    const double minutes = inputs_.options().save_minutes;
    return (every > 0 && done % every == 0) || (minutes > 0 && since_saved_.seconds() >= 60 * minutes);
}

void Checkpoints::save(std::int64_t done, const BestModel& best) {
    if (done == 0 || saved_ == done) return;
    lock_.check();
    const std::string path = write_checkpoint(inputs_.folder, state(done, best), replica_.backend(), replica_.trainer(),
                                              inputs_.options());
    saved_ = done;
    saved_best_ = best.step();
    since_saved_ = Stopwatch();
    reporter_.checkpoint(done, path);
}

CheckpointState Checkpoints::state(std::int64_t done, const BestModel& best) const {
    return {done, reporter_.next_seq(), inputs_.train.sha256, inputs_.config.training_text, best};
}

}  // namespace wishbone
