#include "run/memory_plan.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <set>
#include <string_view>
#include <system_error>
#include <vector>

#include "backend/counting_backend.h"
#include "backend/registry.h"
#include "comm/counted_rank.h"
#include "core/error.h"
#include "core/host_memory.h"
#include "plan/computed_rows.h"
#include "pretrained/model_weights.h"
#include "run/samples.h"
#include "train/ranks/rank_model.h"
#include "train/trainer.h"

namespace wishbone {

namespace {

/// Bins with the most tokens that are computed, rows that a target reads, and targets: together they decide every size.
std::set<std::int64_t> largest_bins(const Plan& plan) {
    std::int64_t by_tokens = 0, by_rows = 0, by_targets = 0;
    std::size_t tokens = 0, rows = 0, targets = 0;
    for (std::int64_t b = 0; b < plan.bins(); ++b) {
        const BinView bin = plan.bin(b);
        std::vector<bool> read(bin.tokens.size());
        for (const std::int32_t row : bin.target_row) read[static_cast<std::size_t>(row)] = true;
        const auto read_rows = static_cast<std::size_t>(std::ranges::count(read, true));
        const std::size_t computed = computed_rows(bin).size();
        if (computed > tokens) tokens = computed, by_tokens = b;
        if (read_rows > rows) rows = read_rows, by_rows = b;
        if (bin.target_row.size() > targets) targets = bin.target_row.size(), by_targets = b;
    }
    return {by_tokens, by_rows, by_targets};
}

/// With those of what is evaluated, which no activations are kept of.
struct LargestBins {
    std::set<std::int64_t> trained, evaluated;
    LargestBins(const Plan& plan, const MemorySettings& settings)
        : trained(largest_bins(plan)),
          evaluated(settings.evaluated != nullptr ? largest_bins(*settings.evaluated)
                                                  : std::set<std::int64_t>()) {}
};

/// The backend exists when this is asked: so does its context.
std::size_t needed_of(const MemoryPlan& memory) { return memory.total() - memory.context; }

/// runner.shard, of runner.shard "optimizer".
std::string_view option_of(std::string_view setting) { return setting.substr(0, setting.find(' ')); }

MemoryPlan plan_memory_of(const LargestBins& largest, const Plan& plan, const ModelConfig& config,
                          const MemorySettings& settings) {
    CountingBackend counter(settings.backend);
    MemoryPlan memory;
    memory.context = backend_named(settings.backend).memory.driver;
    const std::size_t workspaces = counter.memory_in_use();
    CountedRank ranks(settings.ranks, settings.processes);
    const Sharding sharding = settings.ranks > 1 ? settings.sharding : Sharding::none;
    // What is shared out is summed within a process, then over all, through a communicator each.
    const int communicators = ranks.size() == 1                                      ? 0
                              : sharding != Sharding::none && settings.processes > 1 ? 2
                                                                                     : 1;
    memory.communication = backend_named(settings.backend).memory.communication * communicators;
    RankModel policy(counter, config, ranks, sharding, !settings.training.lora, settings.precision);
    Transformer transformer(counter, config, settings.recompute, settings.precision);
    transformer.expect_length(plan.longest_position());
    std::optional<Lora> adapter;
    if (settings.training.lora)
        adapter.emplace(counter, config, lora_modules(config, *settings.training.lora, "training"),
                        counter.activation_dtype(), parts_of(ranks, sharding));
    const Policy trained = policy.policy(adapter ? &*adapter : nullptr);
    memory.weights = counter.memory_in_use() - workspaces;
    if (const std::size_t staging = staging_bytes(policy.kept()); staging > 0)
        (void)counter.allocate(staging);
    Trainer trainer(counter, transformer, trained, settings.training, ranks, sharding, settings.offload);
    memory.host = counter.host_memory_in_use();
    memory.optimizer = counter.memory_in_use() - workspaces - memory.weights;
    if (ReferenceModel* const copy = trainer.reference_model()) {
        memory.weights += copy->parameters().flat().bytes();
        memory.optimizer -= copy->parameters().flat().bytes();
    }
    if (const Lora* adapter_copy = trainer.reference_adapter()) {
        memory.weights += adapter_copy->flat().bytes();
        memory.optimizer -= adapter_copy->flat().bytes();
    }
    // Also with a precomputed reference: both models are there then.
    std::optional<Parameters> other;
    if (settings.reference_model) {
        other.emplace(counter, *settings.reference_model, counter.activation_dtype());
        memory.weights += other->flat().bytes();
    }

    for (const std::int64_t b : largest.trained) {
        const BinView view = plan.bin(b);
        const auto bin = transformer.prepare(view);
        transformer.forward(trained.view(), *bin, false);
        transformer.forward(trained.view(), *bin, true);
        transformer.backward(trained.view(), trainer.gradient_view(), *bin,
                             std::vector<float>(view.target_row.size(), 0.0f));
    }
    for (const std::int64_t b : largest.evaluated)
        transformer.forward(trained.view(), *transformer.prepare(settings.evaluated->bin(b)), false);
    if (settings.training.sample_steps > 0)
        RunSamples(plan, settings.training, 0, plan.longest_position(), {})
            .rehearse(counter, transformer, trained.view());
    memory.activations = counter.peak_memory() - memory.weights - memory.optimizer;
    return memory;
}

/// Of so many bytes, what may be planned where that is for a choice and not a refusal.
std::size_t with_slack(std::size_t available) {
    return available - std::min(device_slack, available / 25 * 2);
}

}  // namespace

MemoryPlan plan_memory(const Plan& plan, const ModelConfig& config, const MemorySettings& settings) {
    return plan_memory_of({plan, settings}, plan, config, settings);
}

std::string memory_advice(const Plan& plan, const ModelConfig& config, const MemorySettings& settings,
                          std::size_t available, std::size_t host) {
    struct Change {
        std::string_view text;
        std::function<bool(MemorySettings&)> apply;  ///< false: nothing to change
    };
    const RecomputePlan every_block = RecomputePlan(Recompute::block).within(config.layers);
    const Change changes[] = {
        {"runner.shard \"optimizer\"",
         [](MemorySettings& s) {
             if (s.ranks == 1 || s.sharding >= Sharding::optimizer) return false;
             s.sharding = Sharding::optimizer;
             return true;
         }},
        {"runner.shard \"gradients\"",
         [](MemorySettings& s) {
             if (s.ranks == 1 || s.sharding >= Sharding::gradients) return false;
             s.sharding = Sharding::gradients;
             return true;
         }},
        {"runner.shard \"parameters\"",
         [](MemorySettings& s) {
             if (s.ranks == 1 || s.sharding >= Sharding::parameters) return false;
             s.sharding = Sharding::parameters;
             return true;
         }},
        {"runner.recompute \"mlp\"",
         [](MemorySettings& s) {
             if (!s.recompute.is_none()) return false;
             s.recompute = Recompute::mlp;
             return true;
         }},
        {"runner.recompute \"block\"",
         [&](MemorySettings& s) {
             if (s.recompute.within(config.layers) == every_block) return false;
             s.recompute = Recompute::block;
             return true;
         }},
        {"training.reference \"precompute\"",
         [](MemorySettings& s) {
             if (s.training.reference == ReferenceMode::precompute) return false;
             s.training.reference = ReferenceMode::precompute;
             return true;
         }},
        {"training.adam_moments \"bfloat16\"",
         [](MemorySettings& s) {
             if (s.training.moments == Moments::bf16 || !backend_named(s.backend).has_bf16_moments)
                 return false;
             s.training.moments = Moments::bf16;
             return true;
         }},
        {"runner.offload \"optimizer\"",
         [](MemorySettings& s) {
             if (s.offload.optimizer || backend_named(s.backend).memory.is_of_host) return false;
             s.offload.optimizer = true;
             return true;
         }},
    };
    /// What is needed with these changes, or nothing where that is too much.
    const auto fits_with = [&](const std::vector<const Change*>& some) -> std::optional<std::size_t> {
        MemorySettings changed = settings;
        for (const Change* const one : some) one->apply(changed);
        const MemoryPlan memory = plan_memory(plan, config, changed);
        if (memory.total() > available || (host > 0 && memory.host > host)) return std::nullopt;
        return memory.total();
    };
    const auto said = [&](const std::vector<const Change*>& some) {
        std::string all;
        for (const Change* const one : some) all += (all.empty() ? "" : " and ") + std::string(one->text);
        return "Set " + all + " in run.json: it then needs " + gigabytes(*fits_with(some)) + ".";
    };
    // One change alone is tried first, then all up to it, less what is not needed of them.
    std::vector<const Change*> together;
    for (const Change& change : changes) {
        MemorySettings alone = settings;
        if (!change.apply(alone)) continue;
        if (fits_with({&change})) return said({&change});
        if (!together.empty() && option_of(together.back()->text) == option_of(change.text))
            together.pop_back();
        together.push_back(&change);
        if (!fits_with(together)) continue;
        for (std::size_t i = 0; i < together.size();) {
            std::vector<const Change*> fewer = together;
            fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
            if (fits_with(fewer))
                together.swap(fewer);
            else
                ++i;
        }
        return said(together);
    }
    return "Use a smaller model, a plan with a smaller capacity, or a device with more memory.";
}

std::size_t memory_of_each(const Backend& backend, std::size_t sharing_memory) {
    return backend.free_memory() / sharing_memory;
}

Sharding least_sharding(const Plan& plan, const ModelConfig& config, MemorySettings settings,
                        std::size_t available) {
    settings.sharding = Sharding::none;
    if (settings.ranks == 1 || available == 0) return settings.sharding;
    const LargestBins largest(plan, settings);
    for (const Sharding sharding : shardings) {
        settings.sharding = sharding;
        if (needed_of(plan_memory_of(largest, plan, config, settings)) <= available) break;
    }
    return settings.sharding;
}

Sharding least_sharding_with_recompute(const Plan& plan, const ModelConfig& config, MemorySettings settings,
                                       std::size_t available) {
    settings.recompute = Recompute::none;
    const Sharding without = least_sharding(plan, config, settings, with_slack(available));
    if (without != Sharding::parameters) return without;
    settings.recompute = Recompute::block;
    settings.sharding = Sharding::gradients;
    const bool fits = needed_of(plan_memory(plan, config, settings)) <= with_slack(available);
    return fits ? Sharding::gradients : Sharding::parameters;
}

RecomputePlan least_recompute(const Plan& plan, const ModelConfig& config, MemorySettings settings,
                              std::size_t available) {
    if (available == 0) return Recompute::none;
    const LargestBins largest(plan, settings);
    const auto fits = [&](std::int64_t level) {
        settings.recompute = RecomputePlan::of_level(level, config.layers);
        return needed_of(plan_memory_of(largest, plan, config, settings)) <= with_slack(available);
    };
    if (fits(0)) return Recompute::none;
    // Bisection. Whether the last level is enough is not asked: there is none after it.
    std::int64_t too_little = 0, enough = most_recompute(config.layers);
    while (enough - too_little > 1) {
        const std::int64_t middle = too_little + (enough - too_little) / 2;
        (fits(middle) ? enough : too_little) = middle;
    }
    return RecomputePlan::of_level(enough, config.layers);
}

std::size_t host_memory_of_each(std::size_t devices) {
    const char* const said = std::getenv("WISHBONE_HOST_MEMORY");
    if (said == nullptr || *said == '\0') return host_memory().available / devices;
    double number = 0;
    const std::string_view text = said;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || end != text.data() + text.size() || !(number > 0 && number < 1e9))
        throw bad_input("\"" + std::string(text) + "\" is not a number of GB", "WISHBONE_HOST_MEMORY",
                        "Say how much memory this machine can have, for example 128.");
    return static_cast<std::size_t>(number * 1e9) / devices;
}

std::size_t check_memory(const Plan& plan, const ModelConfig& config, const MemorySettings& settings,
                         const std::string& device, std::size_t available, std::size_t host) {
    const MemoryPlan memory = plan_memory(plan, config, settings);
    const std::size_t needed = needed_of(memory);
    const std::string each = settings.processes > 1 ? " on each of its devices"
                             : settings.ranks > 1
                                 ? " on each of its " + std::to_string(settings.ranks) + " devices"
                                 : "";
    if (host > 0 && memory.host > host)
        throw Error(
            ExitCode::out_of_memory,
            "The optimizer's state needs " + gigabytes(memory.host) + " of the host's memory; " +
                gigabytes(host) + " are free" + (settings.ranks == 1 ? "" : " for each of the devices"),
            device,
            std::string(settings.training.moments == Moments::f32
                            ? "Set training.adam_moments \"bfloat16\", or use a machine with more memory"
                            : "Use a machine with more memory") +
                ". Where memory grows as it is used, WISHBONE_HOST_MEMORY says how many GB it can be.");
    if (available == 0) return 0;
    if (needed <= available) return available - needed;
    throw Error(ExitCode::out_of_memory,
                "The run needs " + gigabytes(needed) + " of memory (weights " + gigabytes(memory.weights) +
                    ", gradients and optimizer " + gigabytes(memory.optimizer) + ", activations " +
                    gigabytes(memory.activations) + "); " + gigabytes(available) + " are free" + each,
                device, memory_advice(plan, config, settings, available, host));
}

std::string gigabytes(std::size_t bytes) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f GB", static_cast<double>(bytes) / 1e9);
    return text;
}

}  // namespace wishbone
