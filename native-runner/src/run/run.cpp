#include "run/run.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/registry.h"
#include "core/error.h"
#include "core/stopwatch.h"
#include "core/terminal.h"
#include "io/read_ahead.h"
#include "pretrained/weights_hash.h"
#include "run/ahead.h"
#include "run/ceiling.h"
#include "run/checkpoint/checkpoint.h"
#include "run/checkpoints.h"
#include "run/device.h"
#include "run/evaluation.h"
#include "run/event_log.h"
#include "run/export.h"
#include "run/inputs.h"
#include "run/loop.h"
#include "run/memory_plan.h"
#include "run/models_used.h"
#include "run/pair_record.h"
#include "run/process/run_lock.h"
#include "run/process/stop_signals.h"
#include "run/processes/follower.h"
#include "run/processes/joining.h"
#include "run/reference.h"
#include "run/rehearsal.h"
#include "run/replicas.h"
#include "run/reporter.h"
#include "run/result.h"
#include "run/resume.h"
#include "run/sampling.h"
#include "telemetry/device_reader.h"

namespace wishbone {

namespace {

struct Loaded {
    std::unique_ptr<Replicas> replicas;
    RecomputePlan recompute;
    std::size_t room;  ///< bytes of the first device that the run does not need
    bool has_rehearsed;
};

/// Whether every device has done what the steps will ask of it.
bool rehearse_all(const RunInputs& inputs, Devices& devices, RecomputePlan recompute) {
    std::vector<char> done(devices.count());
    devices.each([&](std::size_t rank) { done[rank] = rehearse(inputs, devices.backend(rank), recompute); });
    return std::ranges::all_of(done, [](char one) { return one != 0; });
}

/// What the devices of each process share out: as run.json says, or as little as fits everywhere.
Sharding sharding_of(const RunInputs& inputs, Devices& devices, const MemorySettings& settings,
                     std::size_t available) {
    const std::optional<Sharding>& asked = inputs.config.shard;
    if (asked && *asked != Sharding::none && static_cast<int>(devices.count()) > settings.ranks)
        throw bad_input("Processes with different numbers of devices cannot share out \"" +
                            std::string(name_of(*asked)) + "\"",
                        inputs.run_json() + ": runner.shard",
                        "Give each process as many devices (runner.devices), or use \"none\" or \"auto\".");
    if (asked) return *asked;
    const Sharding least =
        inputs.config.recompute
            ? least_sharding(inputs.train.plan, inputs.model, settings, available)
            : least_sharding_with_recompute(inputs.train.plan, inputs.model, settings, available);
    // One may have less memory than the first, and all do the same.
    return static_cast<Sharding>(devices.most(static_cast<int>(least)));
}

/// What is computed again: as run.json says, or as little as fits everywhere.
RecomputePlan recompute_of(const RunInputs& inputs, Devices& devices, const MemorySettings& settings,
                           std::size_t available) {
    const std::int64_t layers = inputs.model.layers;
    if (inputs.config.recompute) return RecomputePlan(*inputs.config.recompute).within(layers);
    const RecomputePlan least = least_recompute(inputs.train.plan, inputs.model, settings, available);
    return RecomputePlan::of_level(devices.most(static_cast<int>(least.level(layers))), layers);
}

/// Bytes that every device of this process can have. `ahead`: what the first has of the run already.
std::size_t available_on_each(Devices& devices, std::size_t ahead) {
    std::vector<std::size_t> available(devices.count());
    devices.each([&](std::size_t rank) {
        available[rank] = memory_of_each(devices.backend(rank), devices.sharing_memory());
    });
    available.front() += ahead;
    return std::ranges::min(available);
}

/// The model on every device, once it is known that everything will have room there.
Loaded load_replicas(const RunInputs& inputs, Devices& devices, Ahead* ahead) {
    const ModelWeights weights(inputs.config.model, inputs.model);
    const std::string backend = devices.first().name();
    std::optional<RankModel> ready = ahead != nullptr ? ahead->take_model(inputs) : std::nullopt;
    const std::size_t available = available_on_each(devices, ready ? ahead->memory_of_model() : 0);
    MemorySettings settings = {backend, inputs.config.recompute.value_or(Recompute::none), inputs.options(),
                               inputs.reference_model, devices.ranks(0).parts()};
    settings.evaluated = inputs.eval ? &inputs.eval->plan : nullptr;
    settings.processes = devices.processes();
    settings.precision = inputs.config.precision;
    check_precision(devices.first(), inputs.model, settings.precision,
                    inputs.run_json() + ": runner.precision");
    if (inputs.reference_model)
        check_precision(devices.first(), *inputs.reference_model, settings.precision,
                        inputs.run_json() + ": training.reference_model");
    settings.offload = inputs.config.offload;
    settings.sharding = sharding_of(inputs, devices, settings, available);
    settings.recompute = recompute_of(inputs, devices, settings, available);
    const std::size_t left =
        devices.sharing_memory() * check_memory(inputs.train.plan, inputs.model, settings,
                                                devices.first().device_name(), available,
                                                host_memory_of_each(devices.on_this_machine()));
    const bool has_rehearsed =
        backend_named(backend).is_slow_at_first && rehearse_all(inputs, devices, settings.recompute);
    return {std::make_unique<Replicas>(inputs, weights, devices, settings.sharding, settings.offload,
                                       settings.recompute, std::move(ready)),
            settings.recompute, left - std::min(left, device_slack), has_rehearsed};
}

/// One after the other: what they have found goes to the same place.
void settle_all(Devices& devices) {
    for (std::size_t rank = 0; rank < devices.count(); ++rank) devices.backend(rank).settle();
}

/// Of the GPUs among the devices of this process.
std::unique_ptr<DeviceReader> reader_of(Devices& devices) {
    std::vector<std::string> bus_ids;
    for (std::size_t rank = 0; rank < devices.count(); ++rank)
        if (std::string id = devices.backend(rank).bus_id(); !id.empty()) bus_ids.push_back(std::move(id));
    return make_device_reader(bus_ids);
}

/// The whole run, part by part; each is whole when it is made.
void carry_out(const std::filesystem::path& folder, bool resume, const RunLock& lock, EventLog& events,
               ProcessGroup* processes, Ahead* ahead) {
    const Stopwatch total;
    const StopRequested stop = [processes] {
        return StopSignals::requested() || (processes != nullptr && processes->stop_asked());
    };
    const RunInputs inputs(folder);
    if (processes != nullptr) check_same_run(*processes, inputs);
    // One that got ready for the run has begun with that.
    const auto files =
        ahead == nullptr ? std::optional<ReadAhead>(read_ahead(inputs.config.model)) : std::nullopt;
    WeightsHash hash(inputs.reference_folder());
    ModelsUsed models(inputs, hash);
    if (!resume) begin_hash(hash, inputs);
    Devices devices(inputs, &lock, processes, ahead);
    const std::optional<Checkpoint> checkpoint = resume ? checkpoint_to_resume(inputs) : std::nullopt;
    const auto resumed_after = checkpoint ? std::optional(checkpoint->state.step) : std::nullopt;
    if (checkpoint) events.raise_next_seq(checkpoint->state.next_seq);

    PairRecord pairs(folder / "pairs.bin", pair_record_of(inputs),
                     checkpoint ? std::optional(PairRecord::Place{checkpoint->state.step,
                                                                  checkpoint->state.best.last_step()})
                                : std::nullopt);
    Reporter reporter(inputs, lock, events, pairs, resumed_after);
    reporter.start(devices.first());
    reporter.watch(reader_of(devices));
    reporter.begin_phase("load");
    const auto [replicas, recompute, room, has_rehearsed] = load_replicas(inputs, devices, ahead);
    reporter.recompute(recompute);
    Replica& replica = replicas->first();
    Trainer& trainer = replica.trainer();
    Sampling sampling(inputs, replica, reporter, resumed_after, stop);
    reporter.begin_phase("ceiling");
    reporter.ceiling(ceiling_of(devices, inputs));
    if (has_rehearsed) settle_all(devices);

    if (checkpoint) models.check(checkpoint->state.models);
    RunReference reference(inputs, hash, *replicas, reporter, resumed_after, stop);
    if (reference.stopped()) return reporter.stopped(trainer.updates(), total.seconds());
    if (checkpoint) replicas->load(*checkpoint);

    Evaluation evaluation(inputs, *replicas, reference, reporter,
                          checkpoint ? checkpoint->state.best : BestModel(), stop);
    Checkpoints checkpoints(inputs, lock, models, *replicas, reporter, checkpoint ? &*checkpoint : nullptr,
                            room);
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
        export_result(inputs, lock, *replicas, evaluation.best(), reporter,
                      shares && checkpoints.saved() == steps ? weights_file(folder, steps) : "");
    checkpoints.finish();
    reporter.exported(exported_step);
    reporter.finished(steps, total.seconds(), replicas->peak_memory());
}

/// The part in it of a process that is not the first.
void take_part(const std::filesystem::path& folder, ProcessGroup& processes) {
    const RunInputs inputs(folder);
    check_same_run(processes, inputs);
    const ReadAhead files = read_ahead(inputs.config.model);
    Devices devices(inputs, nullptr, &processes, nullptr);
    const auto [replicas, recompute, room, has_rehearsed] = load_replicas(inputs, devices, nullptr);
    (void)ceiling_of(devices, inputs);
    if (has_rehearsed) settle_all(devices);
    follow(inputs, devices, *replicas, StopSignals::requested);
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

namespace {

/// What work throws, as an Error.
template <typename Work, typename Failed>
void guarded(const std::filesystem::path& folder, const Work& work, const Failed& failed) {
    try {
        work();
    } catch (const Error& error) {
        throw failed(error);
    } catch (const std::filesystem::filesystem_error& error) {
        // A folder may go at any time, and a disk.
        throw failed(Error(ExitCode::cannot_write, "A file cannot be reached: " + error.code().message(),
                           error.path1().string(), "Check the folder and the disk, then resume the run."));
    } catch (const std::bad_alloc&) {
        throw failed(
            Error(ExitCode::out_of_memory, "Not enough memory", folder.string(),
                  "Use a smaller model, a plan with a smaller capacity, or a machine with more memory."));
    } catch (const std::exception& fault) {
        throw failed(Error(ExitCode::internal, fault.what(), folder.string(),
                           "This is a fault of the runner: report it."));
    }
}

/// What ends this process: where another one failed first, that.
Error ended_by(ProcessGroup* processes, const Error& error) {
    if (processes == nullptr) return error;
    processes->fail(error);
    return processes->end().value_or(error);
}

/// For a process whose threads do not end in time.
void say(const Error& error) {
    std::fprintf(stderr, "error: %s\n  at: %s\n  fix: %s\n", printable(error.what()).c_str(),
                 printable(error.where()).c_str(), printable(error.advice()).c_str());
}

void run_as_other(const ProcessPlace& place, const std::filesystem::path& folder) {
    const std::unique_ptr<ProcessGroup> processes = join_processes(place, folder);
    const std::filesystem::path run = folder.empty() ? std::filesystem::path(processes->folder()) : folder;
    const auto logged = [&](const Error& error) {
        log_failure(*processes, run, error);
        return error;
    };
    processes->last_words([&](const Error& error) { say(logged(error)); });
    guarded(
        run, [&] { take_part(run, *processes); },
        [&](const Error& error) { return logged(ended_by(processes.get(), error)); });
}

}  // namespace

void run_training(const std::filesystem::path& folder, bool resume, Ahead* ahead) {
    const StopSignals signals;
    const ProcessPlace place = process_place();
    if (place.process > 0) return run_as_other(place, folder);
    std::optional<RunLock> lock;
    std::optional<EventLog> events;
    try {
        lock.emplace(folder);
        events.emplace(folder / "events.jsonl");
        // A refusal must not look like a failure of the run that is already there.
        if (events->has_started() && !resume)
            throw bad_input("This run has begun already", folder.string(),
                            "Give --resume to go on from its newest checkpoint, or start a new run.");
    } catch (const Error& error) {
        if (place.processes > 1) tell_of_failure(place, error);
        throw;
    }
    std::unique_ptr<ProcessGroup> processes;
    guarded(
        folder,
        [&] {
            if (place.processes > 1) {
                processes = join_processes(place, folder);
                processes->last_words([&](const Error& error) {
                    report_failure(*events, error);
                    say(error);
                });
            }
            carry_out(folder, resume, *lock, *events, processes.get(), ahead);
        },
        [&](const Error& error) {
            const Error cause = ended_by(processes.get(), with_cause(*lock, error));
            report_failure(*events, cause);
            return cause;
        });
}

}  // namespace wishbone
