#include "run/run.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "backend/registry.h"
#include "core/error.h"
#include "core/host_memory.h"
#include "core/stopwatch.h"
#include "io/read_ahead.h"
#include "pretrained/weights_hash.h"
#include "run/checkpoint/checkpoint.h"
#include "run/checkpoints.h"
#include "run/device.h"
#include "run/evaluation.h"
#include "run/event_log.h"
#include "run/export.h"
#include "run/inputs.h"
#include "run/loop.h"
#include "run/memory_plan.h"
#include "run/pair_record.h"
#include "run/process/run_lock.h"
#include "run/process/stop_signals.h"
#include "run/reference.h"
#include "run/rehearsal.h"
#include "run/replicas.h"
#include "run/reporter.h"
#include "run/result.h"
#include "run/resume.h"
#include "run/sampling.h"

namespace wishbone {

namespace {

/// A card's memory that is left to what a memory plan cannot know.
constexpr std::size_t device_slack = std::size_t{2} << 30;

struct Loaded {
    std::unique_ptr<Replicas> replicas;
    std::size_t room;  ///< bytes of the first device that the run does not need
    bool has_rehearsed;
};

/// The files that the run will load, read while the device is opened and prepared.
ReadAhead read_ahead(const RunInputs& inputs) {
    std::vector<std::filesystem::path> files;
    try {
        files = weight_files(inputs.config.model);
    } catch (const Error&) {
        // Told of where they are opened.
    }
    // The rest is for other programs, and for what was read already.
    return {std::move(files), host_memory().available / 2};
}

/// Whether every device has done what the steps will ask of it.
bool rehearse_all(const RunInputs& inputs, Devices& devices) {
    std::vector<char> done(devices.count());
    devices.each([&](std::size_t rank) { done[rank] = rehearse(inputs, devices.backend(rank)); });
    return std::ranges::all_of(done, [](char one) { return one != 0; });
}

/// The model on every device, once it is known that everything will have room there.
Loaded load_replicas(const RunInputs& inputs, Devices& devices) {
    const ModelWeights weights(inputs.config.model, inputs.model);
    const std::string backend = devices.first().name();
    const std::size_t left =
        check_memory(inputs.train.plan, inputs.model,
                     {backend, inputs.config.recompute, inputs.options(), inputs.reference_model},
                     devices.first(), devices.sharing_memory());
    const bool has_rehearsed = backend_named(backend).is_slow_at_first && rehearse_all(inputs, devices);
    return {std::make_unique<Replicas>(inputs, weights, devices), left - std::min(left, device_slack),
            has_rehearsed};
}

/// Of all devices together, each measured while the others are.
double ceiling_of(Devices& devices) {
    std::vector<double> rates(devices.count());
    devices.each([&](std::size_t rank) { rates[rank] = devices.backend(rank).measure_matmul_ceiling(); });
    return std::accumulate(rates.begin(), rates.end(), 0.0);
}

/// The whole run, part by part; each is whole when it is made.
void carry_out(const std::filesystem::path& folder, bool resume, const RunLock& lock, EventLog& events) {
    const Stopwatch total;
    const StopRequested stop = StopSignals::requested;
    const RunInputs inputs(folder);
    const ReadAhead ahead = read_ahead(inputs);
    WeightsHash hash(inputs.reference_folder());
    if (!resume) begin_hash(hash, inputs);
    Devices devices(inputs, lock);
    const std::optional<Checkpoint> checkpoint = resume ? checkpoint_to_resume(inputs) : std::nullopt;
    const auto resumed_after = checkpoint ? std::optional(checkpoint->state.step) : std::nullopt;
    if (checkpoint) events.raise_next_seq(checkpoint->state.next_seq);

    PairRecord pairs(folder / "pairs.bin", pair_record_of(inputs),
                     checkpoint ? std::optional(PairRecord::Place{checkpoint->state.step,
                                                                  checkpoint->state.best.last_step()})
                                : std::nullopt);
    Reporter reporter(inputs, lock, events, pairs, resumed_after);
    reporter.start(devices.first());
    reporter.begin_phase("load");
    const auto [replicas, room, has_rehearsed] = load_replicas(inputs, devices);
    Replica& replica = replicas->first();
    Trainer& trainer = replica.trainer();
    Sampling sampling(inputs, replica, reporter, resumed_after, stop);
    reporter.begin_phase("ceiling");
    reporter.ceiling(ceiling_of(devices));
    // One after the other: what they have found goes to the same place.
    for (std::size_t rank = 0; has_rehearsed && rank < devices.count(); ++rank)
        devices.backend(rank).settle();

    RunReference reference(inputs, hash, *replicas, reporter, resumed_after, stop);
    if (reference.stopped()) return reporter.stopped(trainer.updates(), total.seconds());
    if (checkpoint)
        replicas->each([&](Replica& each) { load_checkpoint(*checkpoint, each.backend(), each.trainer()); });

    Evaluation evaluation(inputs, *replicas, reference, reporter,
                          checkpoint ? checkpoint->state.best : BestModel(), stop);
    Checkpoints checkpoints(inputs, lock, replica, reporter, checkpoint ? &*checkpoint : nullptr, room);
    if (!train_steps({inputs, lock, *replicas, reporter, reference, evaluation, sampling, checkpoints},
                     stop)) {
        write_trainer_state(inputs, lock, evaluation.best(), trainer.updates());
        return reporter.stopped(trainer.updates(), total.seconds());
    }
    const std::int64_t steps = trainer.updates();
    const bool shares = exports_as_checkpoints_do({inputs.config, inputs.model, inputs.modules});
    if (inputs.options().load_best_model_at_end || shares) checkpoints.finish();
    // Beside a last checkpoint that is still being written.
    const auto exported_step =
        export_result(inputs, lock, replica, evaluation.best(), reporter,
                      shares && checkpoints.saved() == steps ? weights_file(folder, steps) : "");
    checkpoints.finish();
    reporter.exported(exported_step);
    reporter.finished(steps, total.seconds(), replicas->peak_memory());
}

/// What a failed write comes from, where the folder it was to be in is gone.
Error with_cause(const RunLock& lock, const Error& error) {
    if (error.code() != ExitCode::cannot_write) return error;
    try {
        lock.check();
    } catch (const Error& cause) {
        return cause;
    }
    return error;
}

}  // namespace

void run_training(const std::filesystem::path& folder, bool resume) {
    const StopSignals signals;
    const RunLock lock(folder);
    EventLog events(folder / "events.jsonl");
    // A refusal must not look like a failure of the run that is already there.
    if (events.has_started() && !resume)
        throw bad_input("This run has begun already", folder.string(),
                        "Give --resume to go on from its newest checkpoint, or start a new run.");
    const auto failed = [&](const Error& error) {
        report_failure(events, error);
        return error;
    };
    try {
        carry_out(folder, resume, lock, events);
    } catch (const Error& error) {
        throw failed(with_cause(lock, error));
    } catch (const std::bad_alloc&) {
        throw failed(
            Error(ExitCode::out_of_memory, "Not enough memory", folder.string(),
                  "Use a smaller model, a plan with a smaller capacity, or a machine with more memory."));
    } catch (const std::exception& fault) {
        throw failed(Error(ExitCode::internal, fault.what(), folder.string(),
                           "This is a fault of the runner: report it."));
    }
}

}  // namespace wishbone
