#include "train/training_run.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/sha256.h"
#include "core/version.h"
#include "io/atomic_file.h"
#include "io/model_config.h"
#include "io/model_export.h"
#include "io/model_weights.h"
#include "io/run_config.h"
#include "train/checkpoint.h"
#include "train/event_log.h"
#include "train/memory_plan.h"
#include "train/process_identity.h"
#include "train/reference_logps.h"
#include "train/run_lock.h"
#include "train/schedule.h"
#include "train/stop_signals.h"
#include "train/trainer.h"

namespace wishbone {

namespace {

using Fields = nlohmann::ordered_json;

class Stopwatch {
  public:
    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// A run in progress. The members are in the order in which `carry_out` fills them.
class TrainingRun {
  public:
    TrainingRun(std::filesystem::path folder, EventLog& events)
        : folder_(std::move(folder)), events_(events) {}

    void carry_out(bool resume) {
        const Stopwatch total;
        read_inputs();
        if (resume) find_checkpoint();
        open_model();
        const double ceiling = measure_ceiling();
        if (prepare_reference() && train(ceiling)) {
            export_result();
            events_.write("finished", {{"steps", plan_->steps()},
                                       {"seconds", total.seconds()},
                                       {"peakMemory", backend_->peak_memory()}});
            events_.sync();
            std::fprintf(stderr, "finished: %lld steps in %.1f s\n", static_cast<long long>(plan_->steps()),
                         total.seconds());
        }
    }

  private:
    void read_inputs() {
        config_ = RunConfig::read(folder_);
        const std::filesystem::path plan_file = folder_ / "plan.safetensors";
        plan_ = Plan::read(plan_file);
        plan_sha256_ = sha256_of_file(plan_file);
        model_config_ = read_model_config(config_.model);
        check_plan_fits(*plan_, plan_file.string(), model_config_);
        backend_ = make_backend(config_.backend);
        if (config_.training.moments != Moments::f32 && backend_->activation_dtype() == DType::f32)
            throw bad_input("bfloat16 moments need the CUDA backend; this run works on the CPU",
                            (folder_ / "run.json").string() + ": training.adam_moments", "Use \"float32\".");
    }

    void find_checkpoint() {
        remove_leftovers(folder_);
        remove_leftovers(folder_ / "checkpoints");
        checkpoint_ = newest_checkpoint(folder_);
        if (!checkpoint_) return;
        const CheckpointState& state = checkpoint_->state;
        const char* advice = "Restore the files of the run as they were, or start a new run.";
        if (state.plan_sha256 != plan_sha256_)
            throw bad_input("The plan is not the one the checkpoint was trained with",
                            (folder_ / "plan.safetensors").string(), advice);
        if (state.training != config_.training_text)
            throw bad_input("The training settings are not those the checkpoint was trained with",
                            (folder_ / "run.json").string() + ": training", advice);
        if (state.step > plan_->steps())
            throw bad_input("The checkpoint is of a later step than the plan has",
                            checkpoint_->folder.string(), advice);
        events_.raise_next_seq(state.next_seq);
    }

    void open_model() {
        const ProcessIdentity self = identify_this_process();
        const std::int64_t parameters = parameter_count(model_config_);
        events_.write("start",
                      {{"version", version},
                       {"backend", backend_->name()},
                       {"device", backend_->device_name()},
                       {"threads", backend_->threads()},
                       {"pid", self.pid},
                       {"pidStart", self.start},
                       {"bootId", self.boot_id},
                       {"resumedFrom", checkpoint_ ? Fields(checkpoint_->state.step) : Fields(nullptr)},
                       {"steps", plan_->steps()},
                       {"pairs", plan_->pairs()},
                       {"parameters", parameters}});
        begin_phase("load");
        const ModelWeights weights(config_.model, model_config_);
        check_memory(*plan_, model_config_, {backend_->name(), config_.recompute, config_.training}, *backend_);
        policy_.emplace(*backend_, model_config_, backend_->activation_dtype());
        weights.load(*backend_, *policy_);
        llama_.emplace(*backend_, model_config_, config_.recompute);
        // The trainer copies an in-step reference from the policy, which is still the start model here.
        trainer_.emplace(*backend_, *llama_, *policy_, config_.training);
        // A file may hold more digits than the policy's dtype.
        if (&trainer_->master() != &*policy_) weights.load(*backend_, trainer_->master());
    }

    double measure_ceiling() {
        begin_phase("ceiling");
        const double flops = backend_->measure_matmul_ceiling();
        events_.write("ceiling", {{"flops", flops}});
        return flops;
    }

    /// False when stopped.
    bool prepare_reference() {
        if (config_.training.reference == ReferenceMode::precompute) {
            begin_phase("reference");
            std::optional<std::vector<double>> logps = reference_logps();
            if (!logps) return stopped_before_training();
            trainer_->set_reference(std::move(*logps));
        }
        if (checkpoint_) load_checkpoint(*checkpoint_, *backend_, *trainer_);
        return true;
    }

    bool stopped_before_training() {
        events_.write("stopped", {{"step", trainer_->updates()}});
        events_.sync();
        return false;
    }

    /// From the run folder, the cache of all runs, or computed now. Nothing when stopped.
    std::optional<std::vector<double>> reference_logps() {
        const std::filesystem::path file = folder_ / "reference.safetensors";
        const auto keys = static_cast<std::size_t>(std::ranges::max(plan_->sequence_reference)) + 1;
        if (auto own = read_reference_logps(file, plan_sha256_, keys)) return own;
        const ReferenceCache cache("plan " + plan_sha256_ + "\nweights " + weights_sha256() + "\nbackend " +
                                   backend_->name() + " " + backend_->device_name() + " " +
                                   std::to_string(backend_->threads()) + "\nversion " + version);
        std::optional<std::vector<double>> logps = cache.find(keys);
        if (!logps) {
            logps = trainer_->compute_reference(*plan_, progress("reference"), StopSignals::requested);
            if (StopSignals::requested()) return std::nullopt;
            cache.store(*logps);
        }
        write_reference_logps(file, plan_sha256_, *logps);
        return logps;
    }

    /// Of everything the start model's function depends on.
    std::string weights_sha256() const {
        return ModelWeights(config_.model, model_config_).content_sha256() + " " +
               sha256_of_file(config_.model / "config.json");
    }

    /// False when stopped.
    bool train(double ceiling) {
        begin_phase("train");
        const std::int64_t steps = plan_->steps(), begin = trainer_->updates();
        std::int64_t saved = checkpoint_ ? checkpoint_->state.step : -1;
        for (std::int64_t s = begin; s < steps; ++s) {
            if (StopSignals::requested()) {
                if (s == 0) return stopped_before_training();
                if (saved != s) save(s);
                events_.write("stopped", {{"step", s}});
                events_.sync();
                return false;
            }
            do_step(s, ceiling);
            const std::int64_t done = s + 1, every = config_.training.save_steps;
            if (done == steps || (every > 0 && done % every == 0)) {
                save(done);
                saved = done;
            }
        }
        return true;
    }

    void do_step(std::int64_t s, double ceiling) {
        const std::int64_t steps = plan_->steps();
        const double learning_rate = learning_rate_at(s, steps, config_.training);
        const Stopwatch watch;
        const StepResult result = trainer_->step(*plan_, s, learning_rate);
        const double seconds = watch.seconds();
        const DpoSums& mean = result.mean;
        events_.write("step",
                      {{"step", s + 1},
                       {"steps", steps},
                       {"epoch", plan_->epochs() * static_cast<double>(s + 1) / static_cast<double>(steps)},
                       {"pairs", result.pairs},
                       {"tokens", result.tokens},
                       {"seconds", seconds},
                       {"flops", result.flops},
                       {"speedOfLight", result.flops / seconds / ceiling},
                       {"loss", mean.loss},
                       {"rewards/chosen", mean.rewards_chosen},
                       {"rewards/rejected", mean.rewards_rejected},
                       {"rewards/margins", mean.margins},
                       {"rewards/accuracies", mean.accuracies},
                       {"logps/chosen", mean.logps_chosen},
                       {"logps/rejected", mean.logps_rejected},
                       {"grad_norm", result.grad_norm},
                       {"learning_rate", learning_rate},
                       {"memory", backend_->peak_memory()}});
        std::fprintf(stderr, "step %lld/%lld  loss %.4f  margin %.4f  accuracy %.2f  %.0f tokens/s\n",
                     static_cast<long long>(s + 1), static_cast<long long>(steps), mean.loss, mean.margins,
                     mean.accuracies, static_cast<double>(result.tokens) / seconds);
    }

    void save(std::int64_t step) {
        const CheckpointState state = {step, events_.next_seq(), plan_sha256_, config_.training_text};
        const std::string path =
            write_checkpoint(folder_, state, *backend_, *trainer_, config_.training.save_total_limit);
        events_.write("checkpoint", {{"step", step}, {"path", path}});
        events_.sync();
    }

    void export_result() {
        begin_phase("export");
        export_model(folder_ / "export", config_.model, *backend_, trainer_->master());
        events_.write("export", {{"path", "export"}});
    }

    void begin_phase(const char* phase) {
        events_.write("phase", {{"phase", phase}});
        std::fprintf(stderr, "%s\n", phase);
    }

    BinProgress progress(const char* phase) {
        return [this, phase](std::int64_t done, std::int64_t total) {
            events_.write("progress", {{"phase", phase}, {"done", done}, {"total", total}});
        };
    }

    std::filesystem::path folder_;
    EventLog& events_;
    RunConfig config_;
    std::optional<Plan> plan_;
    std::string plan_sha256_;
    LlamaConfig model_config_;
    std::unique_ptr<Backend> backend_;
    std::optional<Checkpoint> checkpoint_;
    std::optional<Parameters> policy_;
    std::optional<Llama> llama_;
    std::optional<Trainer> trainer_;
};

/// The caller gets the original error even when the log cannot be written.
void report_failure(EventLog& events, const Error& error) noexcept {
    try {
        events.write("failed", {{"what", error.what()},
                                {"where", error.where()},
                                {"advice", error.advice()},
                                {"exitCode", static_cast<int>(error.code())}});
        events.sync();
    } catch (const std::exception& second) {
        std::fprintf(stderr, "warning: the failure could not be logged: %s\n", second.what());
    }
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
    try {
        TrainingRun(folder, events).carry_out(resume);
    } catch (const Error& error) {
        report_failure(events, error);
        throw;
    } catch (const std::bad_alloc&) {
        const Error error(
            ExitCode::out_of_memory, "Not enough memory", folder.string(),
            "Use a smaller model, a plan with a smaller capacity, or a machine with more memory.");
        report_failure(events, error);
        throw error;
    } catch (const std::exception& fault) {
        const Error error(ExitCode::internal, fault.what(), folder.string(),
                          "This is a fault of the runner: report it.");
        report_failure(events, error);
        throw error;
    }
}

}  // namespace wishbone
