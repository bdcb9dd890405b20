// Speed of whole DPO steps, for scripts/gpu/bench.py, which compares it with PyTorch.
//   train_benchmark --model llama-1b --sets hh,dpo_en --sharing pair,none --bins 10 --phases
//
// A model with random weights trains on pairs of real lengths with random tokens. A step is one bin of 16,384
// tokens, or of `--capacity`: reference forward, policy forward and backward, and where there is an optimizer gradient norm and AdamW. Bins hold whole pairs in the
// file's order, so that they are those of scripts/gpu/workload.py. Prints JSON lines: device and ceiling,
// then for each set and sharing the speed, and with --phases the time by phase, measured in steps of their
// own.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "backend/backend_choice.h"
#include "core/error.h"
#include "core/half.h"
#include "cuda/phase_backend.h"
#include "io/json.h"
#include "plan/computed_rows.h"
#include "run/memory_plan.h"
#include "support/plan_columns.h"
#include "support/temporary_folder.h"
#include "train/bin_ahead.h"
#include "train/trainer.h"

using namespace wishbone;

namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr double learning_rate = 1e-6;

struct Model {
    ModelConfig config;
    /// Whether the step ends with AdamW unless told otherwise; the 8B's optimizer state would not fit.
    bool trains;
    std::optional<Recompute> recompute;  ///< none: as little as fits
};

/// The shapes of scripts/gpu/workload.py; `tiny` is for a try on the CPU.
Model model_of(const std::string& name) {
    Model model{{}, true, Recompute::none};
    ModelConfig& config = model.config;
    config.max_position_embeddings = 131072;
    config.tie_word_embeddings = true;
    const auto size = [&](std::int64_t layers, std::int64_t hidden, std::int64_t heads, std::int64_t kv_heads,
                          std::int64_t head_dim, std::int64_t intermediate, std::int64_t vocabulary) {
        config.layers = layers;
        config.hidden_size = hidden;
        config.query_heads = heads;
        config.kv_heads = kv_heads;
        config.head_dim = head_dim;
        config.intermediate_size = intermediate;
        config.vocab_size = vocabulary;
    };
    if (name == "llama-1b") {
        size(16, 2048, 32, 8, 64, 8192, 128256);
        config.ropes[0].theta = 500000.0;
    } else if (name == "qwen-1.5b") {
        size(28, 1536, 12, 2, 128, 8960, 151936);
        config.ropes[0].theta = 1000000.0;
    } else if (name == "llama-8b") {
        size(32, 4096, 32, 8, 128, 14336, 128256);
        config.ropes[0].theta = 500000.0;
        config.tie_word_embeddings = false;
        model.trains = false;
        model.recompute = Recompute::block;
    } else {
        size(2, 64, 4, 2, 16, 128, 512);
    }
    return model;
}

Precision precision_of(const std::string& name) { return name == "fp8" ? Precision::fp8 : Precision::bf16; }

std::optional<Recompute> recompute_of(const std::string& name) {
    if (name == "auto") return std::nullopt;
    return name == "none" ? Recompute::none : name == "mlp" ? Recompute::mlp : Recompute::block;
}

/// Normally distributed matrices with a standard deviation of 0.02, norms of one. Drawing billions of numbers
/// takes minutes, so a few million are read round and round: a prime number of them, which no row's length
/// divides.
void upload_random_weights(Backend& backend, const Parameters& parameters) {
    constexpr std::size_t count = 8388593;
    std::vector<std::uint16_t> bf16(count);
    std::vector<float> f32(count);
    std::mt19937 random(0);
    std::normal_distribution<float> normal(0.0f, 0.02f);
    for (std::size_t i = 0; i < count; ++i) {
        f32[i] = normal(random);
        bf16[i] = float_to_bfloat16(f32[i]);
    }
    for (const NamedTensor& named : parameters.named()) {
        const bool is_bf16 = named.tensor.dtype == DType::bf16;
        Tensor flat = named.tensor;
        flat.rank = 1;
        flat.shape = {named.tensor.size(), 0, 0, 0};
        if (!named.decays) {
            const std::vector<std::uint16_t> ones_bf16(static_cast<std::size_t>(flat.size()),
                                                       float_to_bfloat16(1));
            const std::vector<float> ones_f32(static_cast<std::size_t>(flat.size()), 1.0f);
            backend.upload(flat, is_bf16 ? static_cast<const void*>(ones_bf16.data()) : ones_f32.data());
            continue;
        }
        std::size_t at = random() % count;
        for (std::int64_t begin = 0; begin < flat.size();) {
            const std::int64_t end = std::min(flat.size(), begin + static_cast<std::int64_t>(count - at));
            backend.upload(flat.slice(begin, end),
                           is_bf16 ? static_cast<const void*>(bf16.data() + at) : f32.data() + at);
            begin = end;
            at = 0;
        }
    }
    for (const FrozenMatrix& frozen : parameters.frozen()) {
        const std::int64_t rows = frozen.matrix.values.rows(), columns = frozen.matrix.values.shape[1];
        const Buffer memory = backend.allocate(2 * static_cast<std::size_t>(rows * columns));
        const Tensor staged(memory.get(), DType::bf16, {rows, columns}), flat = staged.flattened();
        for (std::int64_t begin = 0; begin < flat.size(); begin += count) {
            const std::int64_t end = std::min(flat.size(), begin + static_cast<std::int64_t>(count));
            backend.upload(flat.slice(begin, end), bf16.data());
        }
        backend.fp8_quantise(frozen.matrix, {}, staged);
        backend.synchronize();
    }
}

/// What of a bin decides its cost.
struct Work {
    double tokens = 0, visible_pairs = 0, read_rows = 0;
};

Work work_of(const BinView& whole) {
    const ComputedBin computed(whole);
    const BinView& bin = computed.view();
    Work work;
    work.tokens = static_cast<double>(bin.tokens.size());
    for (std::size_t k = 0; k < bin.visible_until.size(); ++k)
        work.visible_pairs += bin.visible_until[k] - static_cast<double>(k);
    work.read_rows =
        static_cast<double>(std::set<std::int32_t>(bin.target_row.begin(), bin.target_row.end()).size());
    return work;
}

/// Required FLOPs of a forward pass by phase, as src/core/model/flops.ts counts them.
std::map<std::string, double> forward_flops(const ModelConfig& config, const Work& work) {
    const auto hidden = static_cast<double>(config.hidden_size), layers = static_cast<double>(config.layers);
    const auto query = static_cast<double>(config.query_heads * config.head_dim),
               keys = static_cast<double>(config.kv_heads * config.head_dim),
               intermediate = static_cast<double>(config.intermediate_size);
    const double rows = (layers - 1) * work.tokens + work.read_rows;  // that go on behind attention
    return {{"qkv", 2 * hidden * (query + 2 * keys) * layers * work.tokens},
            {"attention", 4 * query * layers * work.visible_pairs},
            {"attention out", 2 * query * hidden * rows},
            {"gate_up", 4 * hidden * intermediate * rows},
            {"down", 2 * hidden * intermediate * rows},
            {"head", 2 * hidden * static_cast<double>(config.vocab_size) * work.read_rows}};
}

/// The same for a whole step: reference and policy forward, and backward, which is twice a forward, or once where
/// weights are frozen. An adapter's own products, below a hundredth of its layer's, are not counted.
std::map<std::string, double> step_flops(const ModelConfig& config, const Work& work, bool frozen) {
    std::map<std::string, double> flops;
    for (const auto& [phase, forward] : forward_flops(config, work)) {
        flops[phase] = 2 * forward;
        if (phase == "attention" || phase == "head") {
            flops[phase + " backward"] = phase == "head" && frozen ? forward : 2 * forward;
        } else {
            flops[phase + " backward, input"] = forward;
            if (!frozen) flops[phase + " backward, weight"] = forward;
        }
    }
    return flops;
}

/// Rates of large matrix products, FLOP/s: of the layers' linear layers, and of attention and head.
struct Ceilings {
    double linear, other;
    double of(const std::string& phase) const {
        return phase.starts_with("attention out") ||
                       !(phase.starts_with("attention") || phase.starts_with("head"))
                   ? linear
                   : other;
    }
    /// Seconds that FLOPs by phase take.
    double seconds(const std::map<std::string, double>& flops) const {
        double total = 0;
        for (const auto& [phase, value] : flops) total += value / of(phase);
        return total;
    }
};

double sum(const std::map<std::string, double>& values) {
    double total = 0;
    for (const auto& [name, value] : values) total += value;
    return total;
}

/// The set as a plan with a step for each full bin.
Plan read_plan(const std::string& lengths_file, const std::string& set, bool shared, int capacity,
               const ModelConfig& config) {
    const Json lengths = parse_json(read_text(lengths_file), lengths_file);
    if (!lengths.contains(set))
        throw bad_input("There is no set \"" + set + "\"", lengths_file, "Take one of its keys.");
    std::mt19937 random(1);
    std::uniform_int_distribution<std::int32_t> token(0, static_cast<std::int32_t>(config.vocab_size) - 1);
    const auto tokens = [&](int count) {
        std::vector<std::int32_t> drawn(static_cast<std::size_t>(count));
        std::ranges::generate(drawn, [&] { return token(random); });
        return drawn;
    };
    std::vector<test::TokenPair> pairs;
    for (const Json& triple : lengths[set]) {
        const int prompt = triple.at(0), chosen = triple.at(1), rejected = triple.at(2);
        if ((shared ? 1 : 2) * prompt + chosen + rejected > capacity) continue;
        pairs.push_back({tokens(prompt), tokens(chosen), tokens(rejected)});
    }
    test::PlanColumns columns =
        test::make_plan(pairs, static_cast<int>(pairs.size()), 1, capacity,
                        shared ? test::Packing::shared : test::Packing::naive, token.b() + 1);
    columns.metadata["sharing"] = shared ? "pair" : "none";
    columns.step_bin_start = {0};
    columns.step_pair_start = {0};
    for (std::size_t bin = 1; bin < columns.target_start.size(); ++bin) {
        columns.step_bin_start.push_back(static_cast<std::int32_t>(bin));
        const auto last = static_cast<std::size_t>(columns.target_start[bin]) - 1;
        columns.step_pair_start.push_back(columns.target_sequence[last] / 2 + 1);
    }
    const test::TemporaryFolder folder;
    columns.write(folder / "plan");
    Plan plan = Plan::read(folder / "plan");
    for (std::int64_t bin = 0; bin < plan.bins(); ++bin)
        plan.bin_flops[static_cast<std::size_t>(bin)] = sum(forward_flops(config, work_of(plan.bin(bin))));
    return plan;
}

/// Trains, or where the optimizer state would not fit does all of a step but the update.
class Stepper {
  public:
    Stepper(Backend& backend, Transformer& transformer, Parameters& policy, bool optimizer,
            const TrainingOptions& options, Offload offload)
        : backend_(backend),
          transformer_(transformer),
          policy_(policy),
          options_(options),
          ahead_(transformer) {
        if (options_.lora) {
            adapter_.emplace(backend, transformer.config(),
                             lora_modules(transformer.config(), *options_.lora, "--lora-rank"),
                             policy.flat().dtype);
            trainer_.emplace(backend, transformer, Policy(policy, *adapter_), options_);
            initialise(backend, trainer_->optimizer().master(), 1);
            trainer_->optimizer().master_changed();
            return;
        }
        if (optimizer) {
            trainer_.emplace(backend, transformer, Policy(policy), options_, single_rank(), Sharding::none,
                             offload);
            return;
        }
        reference_.emplace(backend, transformer.config(), policy.flat().dtype);
        backend.copy(reference_->flat(), policy.flat());
        gradients_.emplace(backend, transformer.config(), DType::f32);
    }

    void step(const Plan& plan, std::int64_t step) {
        if (trainer_)
            trainer_->step(plan, step, learning_rate, true);
        else
            gradient(plan, step);
    }

    /// That the last step's gradient is one. An update, where there is one, sees to it itself.
    void check() const {
        if (gradients_ && !std::isfinite(backend_.sum_of_squares(gradients_->flat())))
            throw Error(ExitCode::internal, "The gradient is not finite", "train_benchmark",
                        "This is a fault.");
    }

    bool trains() const { return trainer_.has_value(); }
    const TrainingOptions& options() const { return options_; }

  private:
    /// A step is one bin here, which holds both responses of each of its pairs.
    void gradient(const Plan& plan, std::int64_t step) {
        const BinView view = plan.bin(step);
        const Plan::Range pairs = plan.pairs_of_step(step);
        std::vector<SequenceState> states(static_cast<std::size_t>(plan.sequences()));
        const LengthWeights lengths(std::nullopt);
        const auto bin = ahead_.take(view);
        const PendingLogps reference = transformer_.begin_forward(*reference_, *bin, false),
                           policy = transformer_.begin_forward(policy_, *bin, true);
        add_reference(view, reference.logps(), lengths, states);
        add_policy(view, {policy.logps(), {}}, lengths, states);
        const auto state = [&](const std::vector<std::int32_t>& side, std::int64_t pair) -> SequenceState& {
            return states[static_cast<std::size_t>(side[static_cast<std::size_t>(pair)])];
        };
        std::vector<PairLogps> logps;
        for (std::int64_t p = pairs.begin; p < pairs.end; ++p)
            logps.push_back({state(plan.pair_chosen, p).logps, state(plan.pair_rejected, p).logps});
        std::vector<PairGradient> gradients(logps.size());
        PreferenceLoss(options_.loss).evaluate(logps, {pairs.end - pairs.begin, 1}, gradients);
        for (std::int64_t p = pairs.begin; p < pairs.end; ++p) {
            state(plan.pair_chosen, p).gradient = gradients[static_cast<std::size_t>(p - pairs.begin)].chosen;
            state(plan.pair_rejected, p).gradient =
                gradients[static_cast<std::size_t>(p - pairs.begin)].rejected;
        }
        std::vector<float> weight;
        target_weights(view, lengths, states, weight);
        GradientView to(*gradients_);
        to.adds = false;
        transformer_.backward(policy_, to, *bin, weight);
        if (step + 1 < plan.steps()) ahead_.prepare(plan.bin(step + 1));
    }

    Backend& backend_;
    Transformer& transformer_;
    Parameters& policy_;
    TrainingOptions options_;
    std::optional<Lora> adapter_;
    std::optional<Trainer> trainer_;
    std::optional<Parameters> reference_, gradients_;
    BinAhead ahead_;
};

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

void print_line(const Json& json) {
    std::printf("%s\n", json.dump().c_str());
    std::fflush(stdout);
}

struct Options {
    std::string model = "llama-1b", lengths = WISHBONE_TEST_FOLDER "/../../scripts/gpu/lengths.json",
                recompute;
    std::vector<std::string> sets{"hh"}, sharing{"pair"};
    std::string moments = "f32", precision = "bf16";
    int bins = 10, warm_up = 4, capacity = 16384, lora_rank = 0;
    bool no_optimizer = false, offload = false, phases = false;
    BackendChoice backend{.name = "cuda", .threads = 0, .cuda = {}};
};

Options parse(int count, char** arguments) {
    Options options;
    CLI::App app("Speed of whole DPO steps");
    app.add_option("--model", options.model)
        ->check(CLI::IsMember({"llama-1b", "qwen-1.5b", "llama-8b", "tiny"}));
    app.add_option("--sets", options.sets, "keys of the lengths file")->delimiter(',');
    app.add_option("--sharing", options.sharing)->delimiter(',')->check(CLI::IsMember({"pair", "none"}));
    app.add_option("--bins", options.bins, "timed steps")->check(CLI::PositiveNumber);
    app.add_option("--warm-up", options.warm_up, "steps before them")->check(CLI::NonNegativeNumber);
    app.add_option("--capacity", options.capacity, "tokens of a bin at most")->check(CLI::PositiveNumber);
    app.add_flag("--no-optimizer", options.no_optimizer,
                 "without AdamW and its state (the default of llama-8b)");
    app.add_flag("--offload", options.offload, "with AdamW, whose state is in the host's memory");
    app.add_option("--recompute", options.recompute, "default: block for llama-8b, else none")
        ->check(CLI::IsMember({"none", "mlp", "block", "auto"}));
    app.add_option("--lora-rank", options.lora_rank,
                   "train adapters of this rank on every linear layer instead of all parameters")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--moments", options.moments)->check(CLI::IsMember({"f32", "bf16"}));
    app.add_option("--precision", options.precision, "of the layers' linear products")
        ->check(CLI::IsMember({"bf16", "fp8"}));
    app.add_flag("--phases", options.phases, "time by phase as well");
    app.add_option("--lengths", options.lengths, "JSON: set to [prompt, chosen, rejected] triples");
    app.add_option("--backend", options.backend.name)->check(CLI::IsMember({"cuda", "cpu"}));
    try {
        app.parse(count, arguments);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage));
    }
    return options;
}

void measure(const Options& options, PhaseBackend& backend, Stepper& stepper, const ModelConfig& config,
             RecomputePlan recompute, const Ceilings& ceilings, const std::string& set,
             const std::string& sharing, const Json& common) {
    const Plan plan = read_plan(options.lengths, set, sharing == "pair", options.capacity, config);
    const std::int64_t full = plan.steps() - 1;  // the last bin is what was left
    if (full < 1) throw bad_input("The set fills no bin", set, "Take one with more pairs.");
    // Every timed bin is met once before: a size that is new has its matrix products' algorithms searched, which a
    // run of thousands of steps pays for once.
    for (int i = 0; i < options.warm_up + options.bins; ++i) stepper.step(plan, i % full);
    backend.synchronize();

    double pairs = 0, tokens = 0, flops = 0, light = 0;
    std::vector<double> each;
    const auto begin = Clock::now();
    for (int i = 0; i < options.bins; ++i) {
        const std::int64_t step = (options.warm_up + i) % full;
        const auto start = Clock::now();
        stepper.step(plan, step);
        each.push_back(1e3 * seconds_since(start));
        const Plan::Range range = plan.pairs_of_step(step);
        pairs += static_cast<double>(range.end - range.begin);
        tokens += static_cast<double>(plan.bin(step).tokens.size());
    }
    backend.synchronize();
    const double seconds = seconds_since(begin);
    stepper.check();
    for (int i = 0; i < options.bins; ++i) {
        const Work work = work_of(plan.bin((options.warm_up + i) % full));
        const auto needed = step_flops(config, work, stepper.options().lora.has_value());
        flops += sum(needed);
        light += ceilings.seconds(needed);
    }
    Json line = common;
    line["set"] = set;
    line["mode"] = sharing == "pair" ? "shared" : "naive";
    Json speed = line;
    speed.update({{"bins", options.bins},
                  {"pairs_per_second", pairs / seconds},
                  {"tokens_per_second", tokens / seconds},
                  {"ms_per_bin", 1e3 * seconds / options.bins},
                  {"ms_per_bin_median", median(each)},
                  {"tflop_per_bin", flops / options.bins / 1e12},
                  {"tflops", flops / seconds / 1e12},
                  {"speed_of_light", light / seconds},
                  {"peak_memory_gib", static_cast<double>(backend.peak_memory()) / (1 << 30)}});
    if (const std::vector<CudaDeviceInfo> devices = cuda_info().devices; !devices.empty()) {
        // Of the whole card: what plan-memory predicts is to be held against this.
        const CudaDeviceInfo& device = devices[static_cast<std::size_t>(options.backend.cuda.device)];
        speed["device_memory_gib"] = static_cast<double>(device.memory - backend.free_memory()) / (1 << 30);
    }
    if (stepper.trains()) {
        MemorySettings settings{"cuda", recompute, stepper.options()};
        settings.offload.optimizer = options.offload;
        settings.precision = precision_of(options.precision);
        const MemoryPlan predicted = plan_memory(plan, config, settings);
        speed["predicted_memory_gib"] = static_cast<double>(predicted.total()) / (1 << 30);
        if (options.offload) {
            speed["predicted_host_gib"] = static_cast<double>(predicted.host) / (1 << 30);
            speed["host_gib"] = static_cast<double>(backend.host().peak_memory()) / (1 << 30);
        }
    }
    print_line(speed);
    if (!options.phases) return;

    backend.calibrate();
    backend.take_phases();
    backend.timed = true;
    std::map<std::string, double> required;
    const int timed_bins = std::min(options.bins, 5);
    const auto timed_begin = Clock::now();
    for (int i = 0; i < timed_bins; ++i) {
        const std::int64_t step = (options.warm_up + i) % full;
        for (const auto& [phase, value] :
             step_flops(config, work_of(plan.bin(step)), stepper.options().lora.has_value()))
            required[phase] += value;
        stepper.step(plan, step);
    }
    backend.synchronize();
    const double timed_seconds = seconds_since(timed_begin);
    backend.timed = false;
    std::vector<Json> phases;
    double known = 0;
    for (const auto& [name, phase] : backend.take_phases()) {
        known += phase.seconds;
        Json entry = {{"phase", name},
                      {"ms_per_bin", 1e3 * phase.seconds / timed_bins},
                      {"operations_per_bin", static_cast<double>(phase.operations) / timed_bins}};
        const auto found = required.find(name);
        const double needed = found == required.end() ? 0 : found->second;
        entry["tflop_per_bin"] = needed / timed_bins / 1e12;
        // What remains when the required FLOPs run at the ceiling.
        entry["ms_above_ceiling"] = 1e3 * (phase.seconds - needed / ceilings.of(name)) / timed_bins;
        phases.push_back(entry);
    }
    std::ranges::sort(phases, [](const Json& a, const Json& b) {
        return a["ms_above_ceiling"].get<double>() > b["ms_above_ceiling"].get<double>();
    });
    line["phases"] = phases;
    line["ms_per_bin_phases"] = 1e3 * known / timed_bins;
    line["ms_per_bin_waiting"] = 1e3 * timed_seconds / timed_bins;
    line["overhead_us"] = 1e6 * backend.overhead();
    print_line(line);
}

/// As little as fits with each of the plans that are measured.
RecomputePlan least_for_all(const Options& options, const ModelConfig& config, MemorySettings settings,
                            std::size_t available) {
    RecomputePlan most;
    for (const std::string& set : options.sets)
        for (const std::string& sharing : options.sharing) {
            const Plan plan = read_plan(options.lengths, set, sharing == "pair", options.capacity, config);
            const RecomputePlan least = least_recompute(plan, config, settings, available);
            if (least.level(config.layers) > most.level(config.layers)) most = least;
        }
    return most;
}

void run(const Options& options) {
    Model model = model_of(options.model);
    if (!options.recompute.empty()) model.recompute = recompute_of(options.recompute);
    if (options.no_optimizer) model.trains = false;
    if (options.offload) model.trains = true;
    PhaseBackend backend(make_backend(options.backend), model.config);
    const Precision precision = precision_of(options.precision);
    TrainingOptions training;
    training.reference = ReferenceMode::in_step;
    training.moments = options.moments == "f32" ? Moments::f32 : Moments::bf16;
    if (options.lora_rank > 0) {
        training.lora.emplace();
        training.lora->r = options.lora_rank;
        training.lora->lora_alpha = 2.0 * options.lora_rank;
        model.trains = true;
    }
    RecomputePlan recompute =
        RecomputePlan(model.recompute.value_or(Recompute::none)).within(model.config.layers);
    if (!model.recompute) {
        MemorySettings settings{options.backend.name, recompute, training};
        // Without AdamW its state is nowhere; offloaded, the device has none of it either.
        settings.offload.optimizer = options.offload || !model.trains;
        settings.precision = precision;
        recompute = least_for_all(options, model.config, settings, backend.free_memory());
    }
    Transformer transformer(backend, model.config, recompute, precision);
    Parameters policy = options.lora_rank > 0 && precision == Precision::fp8
                            ? Parameters(backend, model.config, FrozenInFp8())
                            : Parameters(backend, model.config, backend.activation_dtype());
    upload_random_weights(backend, policy);
    const double ceiling = backend.measure_matmul_ceiling();
    const Ceilings ceilings = {precision == Precision::fp8 ? backend.measure_fp8_ceiling() : ceiling,
                               ceiling};
    const auto begin = Clock::now();
    Stepper stepper(backend, transformer, policy, model.trains, training, {.optimizer = options.offload});
    backend.synchronize();
    const double preparing = seconds_since(begin);
    const Json common = {{"side", "ours"}, {"model", options.model}, {"precision", options.precision}};
    Json device = common;
    device.update({{"device", backend.device_name()},
                   {"ceiling_tflops", ceiling / 1e12},
                   {"linear_ceiling_tflops", ceilings.linear / 1e12},
                   {"parameters", policy.flat().size()},
                   {"optimizer", model.trains},
                   {"lora_rank", options.lora_rank},
                   {"moments", options.moments},
                   {"offload", options.offload},
                   {"seconds_for_optimizer_memory", preparing},
                   {"recompute", model.recompute ? name_of(*model.recompute) : "auto"},
                   {"recompute_mlp_layers", recompute.mlp_layers},
                   {"recompute_block_layers", recompute.block_layers}});
    print_line(device);
    for (const std::string& set : options.sets)
        for (const std::string& sharing : options.sharing)
            measure(options, backend, stepper, model.config, recompute, ceilings, set, sharing, common);
}

}  // namespace

int main(int count, char** arguments) {
    const Options options = parse(count, arguments);
    try {
        run(options);
    } catch (const Error& error) {
        std::fprintf(stderr, "error: %s\n  at: %s\n  fix: %s\n", error.what(), error.where().c_str(),
                     error.advice().c_str());
        return static_cast<int>(error.code());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return static_cast<int>(ExitCode::internal);
    }
    return 0;
}
