#include "run/checkpoints.h"

#include <cstdio>
#include <string>

#include "core/error.h"
#include "core/terminal.h"

namespace wishbone {

namespace {

/// After one that failed, the next is tried no sooner.
constexpr double seconds_to_next_try = 60;

/// Tells of the time it lives as time that training waited.
class Waiting {
  public:
    explicit Waiting(Reporter& reporter) : reporter_(reporter) {}
    ~Waiting() { reporter_.spent("checkpoints", watch_.seconds()); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

  private:
    Reporter& reporter_;
    Stopwatch watch_;
};

}  // namespace

Checkpoints::Checkpoints(const RunInputs& inputs, const RunLock& lock, ModelsUsed& models, Replicas& replicas,
                         Reporter& reporter, const Checkpoint* resumed, std::size_t device_room)
    : inputs_(inputs),
      lock_(lock),
      models_(models),
      replicas_(replicas),
      reporter_(reporter),
      saved_(resumed != nullptr ? resumed->state.step : -1),
      saved_best_(resumed != nullptr ? resumed->state.best.step() : std::nullopt),
      on_device_(replicas.first().backend(), replicas.first().backend(), device_room) {
    // What every rank has of the state may be copied.
    Trainer* const first = replicas.trainers().front();
    for (Trainer* const trainer : replicas.trainers())
        trainer->before_update([this, is_first = trainer == first] {
            if (!is_first) return writer_.wait_for_first();
            const Waiting waiting(reporter_);
            writer_.wait_for_first();
        });
}

Checkpoints::~Checkpoints() {
    for (Trainer* const trainer : replicas_.trainers()) trainer->before_update([] {});
}

void Checkpoints::after_step(std::int64_t done, bool over, const BestModel& best, bool is_best) {
    if (writer_.is_done()) collect();
    if (done == 0 || saved_ == done) return;
    if (over ? inputs_.options().save_final : is_due(done)) return begin(state(done, best), over);
    if (!is_best) return;
    CheckpointState of_weights = state(done, best);
    of_weights.weights_only = true;
    // Weights that the run is to end with are not written again: better told of now than missed at the end.
    begin(of_weights, over || inputs_.options().load_best_model_at_end);
}

bool Checkpoints::is_due(std::int64_t done) const {
    const std::int64_t every = inputs_.options().save_steps;
    const double minutes = inputs_.options().save_minutes;
    if (every > 0 && done % every == 0) return true;
    const bool may_try = !since_failed_ || since_failed_->seconds() >= seconds_to_next_try;
    return minutes > 0 && since_begun_.seconds() >= 60 * minutes && may_try;
}

void Checkpoints::save(std::int64_t done, const BestModel& best) {
    if (done > 0 && saved_ != done &&
        !(pending_ && pending_->state.step == done && !pending_->state.weights_only))
        begin(state(done, best), true);
    if (pending_) pending_->must_succeed = true;
    finish();
}

void Checkpoints::finish() {
    if (!pending_) return;
    const Waiting waiting(reporter_);
    collect();
}

CheckpointState Checkpoints::state(std::int64_t done, const BestModel& best) const {
    return {done,  reporter_.next_seq(), inputs_.train.sha256, inputs_.config.training_text, best,
            false, models_.hashes()};
}

void Checkpoints::begin(const CheckpointState& state, bool must_succeed) {
    const Waiting waiting(reporter_);
    if (pending_) collect();
    lock_.check();
    const CheckpointFiles files = state.weights_only
                                      ? weights_alone(replicas_.trainers())
                                      : whole_checkpoint(replicas_.trainers(), inputs_.options(), state.step);
    const std::optional<std::int64_t> also_kept = state.weights_only ? saved_best_ : std::nullopt;
    pending_ = {state, must_succeed};
    Snapshot* const snapshot = place_for(files);
    if (!state.weights_only) since_begun_ = Stopwatch();
    if (snapshot == nullptr) {
        writer_.begin([this, state, files, also_kept] { write(state, files, also_kept); }, [] {});
        return collect();
    }
    if (snapshot->is_in_place()) snapshot->copy(files);
    writer_.begin(
        [snapshot, files] {
            if (!snapshot->is_in_place()) snapshot->copy(files);
        },
        [this, snapshot, state, files, also_kept] { write(state, snapshot->copied(files), also_kept); });
}

Snapshot* Checkpoints::place_for(const CheckpointFiles& files) {
    if (on_device_.reserve(files)) return &on_device_;
    Backend& device = replicas_.first().backend();
    if (!device.is_in_host_memory()) {
        if (!on_host_) {
            host_ = make_cpu_backend(0);
            // The page cache, through which files are read and written, is counted as free, and is wanted too.
            on_host_ = std::make_unique<Snapshot>(device, *host_, host_->free_memory() / 2);
        }
        if (on_host_->reserve(files)) return on_host_.get();
    }
    if (!has_told_of_waiting_)
        warn("no memory for a copy of what a checkpoint holds: training waits while one is written");
    has_told_of_waiting_ = true;
    return nullptr;
}

void Checkpoints::write(const CheckpointState& state, const CheckpointFiles& files,
                        std::optional<std::int64_t> also_kept) const {
    write_checkpoint(inputs_.folder, state, files, inputs_.options(), also_kept, [this] {
        lock_.check();
        reporter_.sync_pairs();
    });
}

void Checkpoints::collect() {
    const Pending pending = *pending_;
    pending_.reset();
    try {
        writer_.collect();
    } catch (const Error& error) {
        // A folder that is no longer there would be a folder anew.
        lock_.check();
        if (error.code() != ExitCode::cannot_write || pending.must_succeed) throw;
        since_failed_ = Stopwatch();
        const std::string what = "the checkpoint of step " + std::to_string(pending.state.step) +
                                 " could not be written: " + error.what();
        if (!has_told_of_failure_)
            reporter_.warning(what, error.where(), "The run goes on and tries again. " + error.advice());
        has_told_of_failure_ = true;
        return;
    }
    has_told_of_failure_ = false;
    since_failed_.reset();
    // Of weights alone there is no event: there is nothing to resume from.
    if (!pending.state.weights_only) written(pending.state);
}

void Checkpoints::written(const CheckpointState& state) {
    saved_ = state.step;
    saved_best_ = state.best.step();
    reporter_.checkpoint(state.step, checkpoint_path(state.step));
}

}  // namespace wishbone
