#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "backend/backend.h"
#include "core/callbacks.h"
#include "core/error.h"
#include "report/tensorboard_log.h"
#include "run/checkpoint/best_model.h"
#include "run/device_watch.h"
#include "run/event_log.h"
#include "run/inputs.h"
#include "run/pair_record.h"
#include "run/phase_times.h"
#include "run/process/run_lock.h"
#include "telemetry/device_reader.h"
#include "train/trainer.h"

namespace wishbone {

/// What a run tells of itself as it goes on: events (docs/formats.md, "events.jsonl"), the values of each pair, TensorBoard's
/// scalars, and a few lines on stderr. Every kind of event is written here and nowhere else. Throws Error(cannot_write).
class Reporter {
  public:
    /// `resumed_after`: steps that the checkpoint the run goes on from had done.
    Reporter(const RunInputs& inputs, const RunLock& lock, EventLog& events, PairRecord& pairs,
             std::optional<std::int64_t> resumed_after);

    void start(const Backend& backend);
    /// From now on to the end it is told how these devices fare, where there are any.
    void watch(std::unique_ptr<DeviceReader> devices);
    /// "load", "ceiling", "reference", "train" or "export".
    void begin_phase(const char* phase);
    BinProgress progress(const char* phase);
    /// Of the phase under way, so many seconds went to "checkpoints" (waited for), "communication", "evaluation" or "samples".
    void spent(const char* part, double seconds) { times_.carve(part, seconds); }
    /// What of the layers the backward pass computes again.
    void recompute(RecomputePlan plan);
    /// The measured rate of a large matrix product, FLOP/s, that steps are compared with.
    void ceiling(double flops);

    struct Step {
        std::int64_t done;  ///< steps, this one among them
        const StepResult& result;
        const PreferenceLoss& loss;
        double seconds, learning_rate;
        std::size_t peak_memory;
    };
    void step(const Step& step);

    /// `metrics`: fields of metric_fields.h, whose names begin with `eval_`.
    struct Evaluation {
        std::int64_t done;
        const EvalResult& result;
        const nlohmann::ordered_json& metrics;
        double seconds;
        bool is_best;
    };
    void evaluation(const Evaluation& evaluation);
    void stopped_early(const BestModel& best);

    /// `model`: "policy" or "reference". `completed`: see RunSamples::complete.
    void sample(std::int64_t done, const char* model, const nlohmann::ordered_json& completed);
    void checkpoint(std::int64_t done, const std::string& path);
    /// Something went wrong that the run goes on without; on stderr too.
    void warning(const std::string& what, const std::string& where, const std::string& advice);
    /// `step`: of the weights, where they are not the last ones.
    void exported(std::optional<std::int64_t> step);
    /// `seconds`: of this start of the run. Where they went is said too, as at a stop.
    void finished(std::int64_t steps, double seconds, std::size_t peak_memory);
    void stopped(std::int64_t done, double seconds);

    /// Makes what is recorded of pairs durable, from any thread: before a checkpoint that a resume goes on from.
    void sync_pairs() { pairs_.sync(); }

    /// Of the next event: what a checkpoint keeps.
    std::int64_t next_seq() const { return events_.next_seq(); }

  private:
    double percent_trained(double seconds);

    const RunInputs& inputs_;
    const RunLock& lock_;
    EventLog& events_;
    PairRecord& pairs_;
    TensorBoardLog tensorboard_;
    std::optional<std::int64_t> resumed_after_;
    double ceiling_ = 0;
    PhaseTimes times_;
    std::optional<DeviceWatch> watch_;
};

/// Writes the event `failed`; a log that cannot be written is only a warning on stderr.
void report_failure(EventLog& events, const Error& error) noexcept;

}  // namespace wishbone
