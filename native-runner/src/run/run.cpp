#include "run/run.h"

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
#include "core/terminal.h"
#include "core/version.h"
#include "io/atomic_file.h"
#include "pretrained/adapter.h"
#include "pretrained/model_config.h"
#include "pretrained/model_weights.h"
#include "report/model_card.h"
#include "report/tensorboard_log.h"
#include "report/trainer_state.h"
#include "run/checkpoint/best_model.h"
#include "run/checkpoint/checkpoint.h"
#include "run/config/run_config.h"
#include "run/event_log.h"
#include "run/export.h"
#include "run/memory_plan.h"
#include "run/metric_fields.h"
#include "run/process/process_identity.h"
#include "run/process/run_lock.h"
#include "run/process/stop_signals.h"
#include "run/samples.h"
#include "train/optimizer/schedule.h"
#include "train/reference/precomputed_reference.h"
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
    TrainingRun(std::filesystem::path folder, const RunLock& lock, EventLog& events)
        : folder_(std::move(folder)), lock_(lock), events_(events) {}

    void carry_out(bool resume) {
        const Stopwatch total;
        read_inputs();
        if (resume) find_checkpoint();
        open_model();
        const double ceiling = measure_ceiling();
        if (prepare_reference() && train(ceiling)) {
            export_result();
            const std::int64_t done = trainer_->updates();
            events_.write("finished", {{"steps", done},
                                       {"seconds", total.seconds()},
                                       {"peakMemory", backend_->peak_memory()}});
            events_.sync();
            std::fprintf(stderr, "finished: %lld steps in %.1f s\n", static_cast<long long>(done), total.seconds());
        }
    }

  private:
    void read_inputs() {
        config_ = RunConfig::read(folder_);
        model_config_ = read_model_config(config_.model);
        train_ = read_plan("plan.safetensors", "reference.safetensors");
        if (options().eval_steps > 0) {
            if (!std::filesystem::exists(folder_ / "eval-plan.safetensors"))
                throw bad_input("There is nothing to evaluate on",
                                (folder_ / "eval-plan.safetensors").string(),
                                "Start the run with an eval dataset, or set training.eval_steps to 0.");
            eval_ = read_plan("eval-plan.safetensors", "eval-reference.safetensors");
        }
        read_adapter();
        check_schedule_fits(steps(), options(), run_json());
        backend_ = make_backend(config_.backend);
        keep_threads();
        if (options().moments != Moments::f32 && backend_->activation_dtype() == DType::f32)
            throw bad_input("bfloat16 moments need the CUDA backend; this run works on the CPU",
                            run_json() + ": training.adam_moments", "Use \"float32\".");
        check_reference_model();
    }

    /// The number of threads decides the last bits of sums: whoever goes on with the run takes the same.
    void keep_threads() {
        if (backend_->name() != "cpu") return;
        if (config_.backend.threads == 0) {
            config_.backend.threads = backend_->threads();
            Fields run = parse_json(read_text(run_json()), run_json());
            run["runner"]["threads"] = config_.backend.threads;
            lock_.check();
            write_text(run_json(), run.dump(2) + "\n");
        } else if (const int cores = usable_cores(); config_.backend.threads > cores) {
            std::fprintf(stderr, "warning: the run has %d threads, this machine %d cores: slower here, but the same numbers\n",
                         config_.backend.threads, cores);
        }
    }

    void read_adapter() {
        modules_ = adapter_modules(folder_, model_config_, options());
        if (!modules_.empty() && !options().adapter.empty()) adapter_weights_.emplace(options().adapter, modules_);
    }

    RunPlan read_plan(const char* name, const char* reference) const {
        const std::filesystem::path file = folder_ / name;
        RunPlan read = {Plan::read(file), sha256_of_file(file), folder_ / reference};
        check_plan_fits(read.plan, file.string(), model_config_);
        return read;
    }

    void check_reference_model() {
        const std::filesystem::path& folder = options().reference_model;
        if (folder.empty()) return;
        reference_config_ = read_model_config(folder);
        const std::string where = run_json() + ": training.reference_model";
        for (const RunPlan* of : {&*train_, eval_ ? &*eval_ : &*train_}) check_plan_fits(of->plan, where, *reference_config_);
        if (options().sync_ref_model && !same_shape(*reference_config_, model_config_))
            throw bad_input("A reference of another shape cannot follow the policy", where,
                            "Set sync_ref_model to false, or use a reference of the same shape.");
    }

    static bool same_shape(const ModelConfig& a, const ModelConfig& b) {
        return a.vocab_size == b.vocab_size && a.hidden_size == b.hidden_size &&
               a.intermediate_size == b.intermediate_size && a.layers == b.layers &&
               a.query_heads == b.query_heads && a.kv_heads == b.kv_heads && a.head_dim == b.head_dim &&
               a.tie_word_embeddings == b.tie_word_embeddings;
    }

    void find_checkpoint() {
        remove_leftovers(folder_);
        remove_leftovers(folder_ / "checkpoints");
        checkpoint_ = newest_checkpoint(folder_);
        if (!checkpoint_) return;
        const CheckpointState& state = checkpoint_->state;
        const char* advice = "Restore the files of the run as they were, or start a new run.";
        if (state.plan_sha256 != train_->sha256)
            throw bad_input("The plan is not the one the checkpoint was trained with",
                            (folder_ / "plan.safetensors").string(), advice);
        if (state.training != config_.training_text)
            throw bad_input("The training settings are not those the checkpoint was trained with",
                            run_json() + ": training", advice);
        if (state.step > steps())
            throw bad_input("The checkpoint is of a later step than the plan has",
                            checkpoint_->folder.string(), advice);
        events_.raise_next_seq(state.next_seq);
        best_ = state.best;
        saved_ = state.step;
        saved_best_ = best_.step();
        remove_surplus(*checkpoint_, options());
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
                       {"steps", steps()},
                       {"pairs", train_->plan.pairs()},
                       {"parameters", parameters}});
        begin_phase("load");
        const ModelWeights weights(config_.model, model_config_);
        check_memory(train_->plan, model_config_,
                     {backend_->name(), config_.recompute, options(), reference_config_}, *backend_);
        policy_.emplace(*backend_, model_config_, backend_->activation_dtype());
        weights.load(*backend_, *policy_);
        transformer_.emplace(*backend_, model_config_, config_.recompute);
        transformer_->expect_length(longest());
        // The trainer copies an in-step reference from the policy, which is still the start model here.
        if (options().lora) adapter_.emplace(*backend_, model_config_, modules_, backend_->activation_dtype());
        trainer_.emplace(*backend_, *transformer_, adapter_ ? Policy(*policy_, *adapter_) : Policy(*policy_), options());
        if (adapter_) {
            if (adapter_weights_)
                adapter_weights_->load(*backend_, trainer_->master());
            else
                initialise(*backend_, trainer_->master(), config_.seed);
            trainer_->master_changed();
            trainer_->take_reference();
        } else if (&trainer_->master() != &*policy_ && !weights.all_are(FileDType::bf16, *policy_)) {
            // The trainer copied the policy, but the files hold more digits than its dtype.
            weights.load(*backend_, trainer_->master());
        }
        reference_.emplace(config_, model_config_, longest(), *backend_, *trainer_);
        if (options().sample_steps > 0)
            samples_.emplace(eval_ ? eval_->plan : train_->plan, options(), config_.seed, longest(),
                             end_tokens_of(config_.model));
    }

    double measure_ceiling() {
        begin_phase("ceiling");
        const double flops = backend_->measure_matmul_ceiling();
        events_.write("ceiling", {{"flops", flops}});
        return flops;
    }

    /// Everything about the reference that can be had before the first step. False when stopped.
    bool prepare_reference() {
        if (trainer_->needs_reference()) {
            if (options().reference == ReferenceMode::in_step) {
                if (!options().reference_model.empty())
                    trainer_->set_reference_model(
                        std::make_unique<ReferenceModel>(*backend_, options().reference_model, longest()));
            } else if (!starts_after_sft()) {
                begin_phase("reference");
                if (!set_reference([&](const RunPlan& of) {
                        return reference_->of_start_model(of, progress("reference"), StopSignals::requested);
                    }))
                    return stopped_before_training();
            }
        }
        if (checkpoint_) load_checkpoint(*checkpoint_, *backend_, *trainer_);
        if (reference_is_precomputed() && starts_after_sft() && trainer_->updates() > options().sft_steps)
            set_reference([&](const RunPlan& of) { return reference_->kept(of); });
        return true;
    }

    bool reference_is_precomputed() const {
        return trainer_->needs_reference() && options().reference == ReferenceMode::precompute;
    }
    /// The reference is what `sft_steps` lead to.
    bool starts_after_sft() const { return options().sft_steps > 0 && options().reference_model.empty(); }

    template <typename Source>
    bool set_reference(Source source) {
        std::optional<PlanReference> of_train = source(*train_);
        if (!of_train) return false;
        trainer_->set_reference(std::move(*of_train));
        if (eval_) {
            std::optional<PlanReference> of_eval = source(*eval_);
            if (!of_eval) return false;
            eval_reference_ = std::move(*of_eval);
        }
        return true;
    }

    /// When the supervised steps are over, what they led to becomes the reference. False when stopped.
    bool pass_from_sft(std::int64_t done) {
        if (!starts_after_sft() || done != options().sft_steps || !trainer_->needs_reference()) return true;
        trainer_->take_reference();
        if (!reference_is_precomputed()) return true;
        begin_phase("reference");
        const bool whole = set_reference([&](const RunPlan& of) {
            return reference_->of_policy(of, progress("reference"), StopSignals::requested);
        });
        if (whole) begin_phase("train");
        return whole;
    }

    bool stopped_before_training() { return stopped(trainer_->updates()); }

    bool stopped(std::int64_t step) {
        events_.write("stopped", {{"step", step}});
        events_.sync();
        return false;
    }

    /// Stops with a checkpoint of what was done.
    bool stop_at(std::int64_t done) {
        if (done > 0 && saved_ != done) save(done);
        write_state(done);
        return stopped(done);
    }

    /// False when stopped.
    bool train(double ceiling) {
        begin_phase("train");
        since_checkpoint_ = Stopwatch();
        tensorboard_.emplace(folder_, checkpoint_ ? std::optional(trainer_->updates()) : std::nullopt);
        for (std::int64_t done = trainer_->updates();; ++done) {
            if (!pass_from_sft(done)) return stop_at(done);
            bool is_best = false;
            if (eval_is_due(done)) {
                const std::optional<bool> better = evaluate(done);
                if (!better) return stop_at(done);
                is_best = *better;
            }
            const bool over = done == steps() || best_.should_stop(options());
            if (samples_ && !sample(done, over)) return stop_at(done);
            if (done > 0 && saved_ != done) {
                if (over ? options().save_final : checkpoint_is_due(done)) save(done);
                else if (is_best) keep_best(done);
            }
            if (over) return true;
            if (StopSignals::requested()) return stop_at(done);
            lock_.check();
            do_step(done, ceiling);
        }
    }

    bool checkpoint_is_due(std::int64_t done) const {
        const std::int64_t every = options().save_steps;
        const double minutes = options().save_minutes;
        return (every > 0 && done % every == 0) || (minutes > 0 && since_checkpoint_.seconds() >= 60 * minutes);
    }

    bool eval_is_due(std::int64_t done) const {
        return eval_ && done > options().sft_steps && best_.last_step() != done &&
               (done == steps() || done % options().eval_steps == 0);
    }

    /// Whether the model is the best so far. Nothing when stopped.
    std::optional<bool> evaluate(std::int64_t done) {
        const Stopwatch watch;
        const auto result = trainer_->evaluate(eval_->plan, eval_reference_, StopSignals::requested);
        if (!result) return std::nullopt;
        const PreferenceLoss& loss = trainer_->preference_loss();
        Fields fields = {{"step", done}, {"steps", steps()}, {"epoch", epoch_at(done)}, {"pairs", result->all.pairs},
                         {"seconds", watch.seconds()}};
        const Fields metrics = metric_fields(result->all.mean(), loss, "eval_");
        fields.update(metrics);
        if (!eval_->plan.sources.empty()) fields["sources"] = source_fields(result->sources, eval_->plan.sources);
        const auto metric = metrics.find(options().metric_for_best_model);
        if (metric == metrics.end())
            throw bad_input("There is no metric \"" + options().metric_for_best_model + "\" in an evaluation",
                            run_json() + ": training.metric_for_best_model",
                            "Use eval_loss, eval_rewards/accuracies or eval_rewards/margins.");
        const bool better = best_.add(done, metric->get<double>(), options());
        fields["best"] = better;
        events_.write("eval", fields);
        lock_.check();
        tensorboard_->add(fields);
        std::fprintf(stderr, "eval after step %lld  loss %.4f  accuracy %.2f%s\n", static_cast<long long>(done),
                     result->all.mean().loss, result->all.mean().accuracies, better ? "  (best)" : "");
        if (best_.should_stop(options()) && done < steps())
            std::fprintf(stderr, "early stopping: no better evaluation since step %lld\n",
                         static_cast<long long>(best_.step().value_or(0)));
        return better;
    }

    /// Samples what is due: the reference when it is there, the policy every `sample_steps` and at the end. False when
    /// stopped.
    bool sample(std::int64_t done, bool over) {
        // What led to the checkpoint said so then.
        if (checkpoint_ && done == checkpoint_->state.step) return true;
        const bool of_reference = done == (starts_after_sft() ? options().sft_steps : 0);
        if (of_reference && !sample_reference(done)) return false;
        if (done == 0 || (!over && done % options().sample_steps != 0)) return true;
        return write_sample(done, "policy", *transformer_, trainer_->policy().view());
    }

    /// What the policy is held to, or started from.
    bool sample_reference(std::int64_t done) {
        if (options().reference_model.empty()) {
            const Policy& policy = trainer_->policy();
            const bool is_policy = starts_after_sft() || options().reference_is_start_adapter();
            return write_sample(done, "reference", *transformer_, is_policy ? policy.view() : ModelView(policy.base));
        }
        if (ReferenceModel* kept = trainer_->reference_model())
            return write_sample(done, "reference", kept->transformer(), kept->parameters());
        ReferenceModel model(*backend_, options().reference_model, longest());
        return write_sample(done, "reference", model.transformer(), model.parameters());
    }

    bool write_sample(std::int64_t done, const char* whose, Transformer& transformer, const ModelView& model) {
        const auto completed = samples_->complete(*backend_, transformer, model, StopSignals::requested);
        if (!completed) return false;
        Fields fields = {{"step", done}, {"model", whose}};
        fields.update(*completed);
        events_.write("sample", fields);
        return true;
    }

    double epoch_at(std::int64_t done) const {
        return train_->plan.epochs() * static_cast<double>(done) / static_cast<double>(steps());
    }

    void do_step(std::int64_t s, double ceiling) {
        const double learning_rate = learning_rate_at(s, steps(), options());
        const Stopwatch watch;
        const StepResult result = trainer_->step(train_->plan, s, learning_rate);
        const double seconds = watch.seconds();
        Fields fields = {{"step", s + 1},
                         {"steps", steps()},
                         {"epoch", epoch_at(s + 1)},
                         {"pairs", result.pairs},
                         {"tokens", result.tokens},
                         {"seconds", seconds},
                         {"flops", result.flops},
                         {"speedOfLight", result.flops / seconds / ceiling}};
        fields.update(metric_fields(result.mean, trainer_->loss_of(s)));
        fields["grad_norm"] = result.grad_norm;
        fields["learning_rate"] = learning_rate;
        fields["memory"] = backend_->peak_memory();
        if (s < options().sft_steps) fields["stage"] = "sft";
        if (!train_->plan.sources.empty()) fields["sources"] = source_fields(result.sources, train_->plan.sources);
        events_.write("step", fields);
        lock_.check();
        tensorboard_->add(fields);
        std::fprintf(stderr, "step %lld/%lld  loss %.4f  margin %.4f  accuracy %.2f  %.0f tokens/s\n",
                     static_cast<long long>(s + 1), static_cast<long long>(steps()), result.mean.loss,
                     result.mean.margins, result.mean.accuracies, static_cast<double>(result.tokens) / seconds);
    }

    void save(std::int64_t step) {
        lock_.check();
        const CheckpointState state = {step, events_.next_seq(), train_->sha256, config_.training_text, best_};
        const std::string path = write_checkpoint(folder_, state, *backend_, *trainer_, options());
        saved_ = step;
        since_checkpoint_ = Stopwatch();
        saved_best_ = best_.step();
        events_.write("checkpoint", {{"step", step}, {"path", path}});
        events_.sync();
    }

    /// No event: there is nothing to resume from.
    void keep_best(std::int64_t step) {
        lock_.check();
        const CheckpointState state = {step, events_.next_seq(), train_->sha256, config_.training_text, best_};
        write_best_weights(folder_, state, *backend_, *trainer_, options(), saved_best_);
    }

    Fields write_state(std::int64_t done) {
        lock_.check();
        Fields state = trainer_state(folder_ / "events.jsonl", done, steps(), best_, options());
        write_text(folder_ / "trainer_state.json", state.dump(2) + "\n");
        return state;
    }

    void export_result() {
        begin_phase("export");
        Fields fields = {{"path", "export"}};
        const std::int64_t done = trainer_->updates();
        const Fields state = write_state(done);
        if (options().load_best_model_at_end && best_.step() && *best_.step() != trainer_->updates()) {
            load_weights(folder_, *best_.step(), *backend_, *trainer_);
            fields["step"] = *best_.step();
        }
        const bool merge = options().merge_adapter;
        lock_.check();
        export_trained({config_, model_config_, modules_}, *backend_, trainer_->master(), folder_ / "export",
                       merge ? std::optional(folder_ / "adapter") : std::nullopt);
        const Fields run = parse_json(read_text(run_json()), run_json());
        ModelCardFacts facts = {backend_->device_name(), adapter_ && !merge, fields.value("step", done)};
        write_text(folder_ / "export" / "README.md", model_card(run, state, facts));
        if (merge) {
            facts.is_adapter = true;
            write_text(folder_ / "adapter" / "README.md", model_card(run, state, facts));
        }
        events_.write("export", fields);
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

    /// Of all sequences of the run: evaluating must not change how positions rotate.
    std::int64_t longest() const {
        const std::int32_t of_eval = eval_ ? eval_->plan.longest_position() : 0;
        return std::max(train_->plan.longest_position(), of_eval);
    }
    const TrainingOptions& options() const { return config_.training; }
    std::int64_t steps() const { return train_->plan.steps(); }
    std::string run_json() const { return (folder_ / "run.json").string(); }

    std::filesystem::path folder_;
    const RunLock& lock_;
    EventLog& events_;
    RunConfig config_;
    ModelConfig model_config_;
    std::optional<RunPlan> train_, eval_;
    std::unique_ptr<Backend> backend_;
    std::optional<ModelConfig> reference_config_;  ///< of `reference_model`
    std::optional<Checkpoint> checkpoint_;
    BestModel best_;
    std::int64_t saved_ = -1;  ///< step of the newest checkpoint
    Stopwatch since_checkpoint_;
    std::optional<std::int64_t> saved_best_;  ///< of the best evaluation that it knows of
    std::vector<LoraModule> modules_;  ///< that have an adapter
    std::optional<AdapterWeights> adapter_weights_;  ///< where the adapter starts, unless it is a new one
    std::optional<Parameters> policy_;
    std::optional<Lora> adapter_;
    std::optional<Transformer> transformer_;
    std::optional<Trainer> trainer_;
    std::optional<RunReference> reference_;
    std::optional<RunSamples> samples_;
    PlanReference eval_reference_;
    std::optional<TensorBoardLog> tensorboard_;
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
        warn(std::string("the failure could not be logged: ") + second.what());
    }
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
    try {
        TrainingRun(folder, lock, events).carry_out(resume);
    } catch (const Error& first) {
        const Error error = with_cause(lock, first);
        report_failure(events, error);
        throw error;
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
