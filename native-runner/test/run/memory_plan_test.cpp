#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "backend/counting_backend.h"
#include "comm/rank_threads.h"
#include "core/error.h"
#include "model/lora.h"
#include "model/parameters.h"
#include "run/memory_plan.h"
#include "run/samples.h"
#include "support/loaded_run.h"
#include "support/tiny_training.h"
#include "train/trainer.h"

using namespace wishbone;
using namespace wishbone::test;

namespace {

Plan random_plan() {
    return read_plan(
        make_plan(random_pairs(40, config.vocab_size, 3), 8, 1, 120, Packing::shared, config.vocab_size));
}

/// Peak of a whole run on the CPU backend.
std::size_t measured(const Plan& plan, const MemorySettings& settings, const ModelConfig& of = config) {
    const auto backend = make_cpu_backend(1);
    Parameters base(*backend, of, DType::f32);
    Transformer transformer(*backend, of, settings.recompute);
    std::optional<Lora> adapter;
    if (settings.training.lora)
        adapter.emplace(*backend, of, lora_modules(of, *settings.training.lora, "test"), DType::f32);
    Trainer trainer(*backend, transformer, adapter ? Policy(base, *adapter) : Policy(base),
                    settings.training);
    if (settings.training.reference == ReferenceMode::precompute) {
        PlanReference reference(plan, std::nullopt);
        trainer.compute_reference(plan, reference, silent, never);
        trainer.set_reference(std::move(reference));
    }
    const RunSamples samples(plan, settings.training, 0, plan.longest_position(), {});
    for (std::int64_t s = 0; s < plan.steps(); ++s) {
        trainer.step(plan, s, 1e-4);
        if (settings.training.sample_steps > 0)
            samples.complete(*backend, transformer, trainer.policy().view(), never);
    }
    return backend->peak_memory();
}

}  // namespace

TEST_CASE("the predicted peak memory is what a run then takes") {
    const Plan plan = random_plan();
    std::size_t without = 0;
    for (const ReferenceMode reference : {ReferenceMode::precompute, ReferenceMode::in_step})
        for (const Recompute recompute : {Recompute::none, Recompute::mlp, Recompute::block}) {
            MemorySettings settings{"cpu", recompute, {}};
            settings.training.reference = reference;
            const auto predicted = static_cast<double>(plan_memory(plan, config, settings).total());
            CHECK(predicted == doctest::Approx(static_cast<double>(measured(plan, settings))).epsilon(0.05));
            if (recompute == Recompute::none)
                without = static_cast<std::size_t>(predicted);
            else
                CHECK(predicted < static_cast<double>(without));
        }
}

TEST_CASE("frozen weights that are in FP8 alone take half the memory, and those of a shard do not") {
    ModelConfig large = config;
    large.hidden_size = 512;
    large.intermediate_size = 1024;
    large.layers = 8;
    const Plan plan = random_plan();
    MemorySettings settings{"cuda", Recompute::block, {}};
    settings.training.lora.emplace();
    const MemoryPlan bf16 = plan_memory(plan, large, settings);
    settings.precision = Precision::fp8;
    const MemoryPlan fp8 = plan_memory(plan, large, settings);
    double matrices = 0, rows = 0;
    for (const ParameterShape& one : parameter_shapes(large))
        if (one.name.find("proj") != std::string::npos) {
            matrices += static_cast<double>(one.shape[0] * one.shape[1]);
            rows += static_cast<double>(one.shape[0]);
        }
    // Blocks of memory are of 2 MiB.
    CHECK(static_cast<double>(bf16.weights - fp8.weights) ==
          doctest::Approx(matrices - 4 * rows).epsilon(0.2));
    CHECK(bf16.optimizer == fp8.optimizer);
    settings.ranks = 2;
    settings.sharding = Sharding::optimizer;
    CHECK(plan_memory(plan, large, settings).weights <= fp8.weights + (std::size_t{2} << 20));
    settings.sharding = Sharding::parameters;
    MemorySettings in_bf16 = settings;
    in_bf16.precision = Precision::bf16;
    CHECK(plan_memory(plan, large, settings).weights == plan_memory(plan, large, in_bf16).weights);
}

TEST_CASE("samples are part of the predicted peak memory, and take no more the second time") {
    const Plan plan = random_plan();
    MemorySettings settings{"cpu", Recompute::block, {}};
    settings.training.reference = ReferenceMode::in_step;
    const std::size_t without = plan_memory(plan, config, settings).total();
    settings.training.sample_steps = 1;
    const std::size_t predicted = plan_memory(plan, config, settings).total();
    CHECK(predicted > without);
    CHECK(static_cast<double>(predicted) ==
          doctest::Approx(static_cast<double>(measured(plan, settings))).epsilon(0.01));
}

TEST_CASE("an adapter takes no second model, and gradients and moments of its own size only") {
    const Plan plan = random_plan();
    for (const ReferenceMode reference : {ReferenceMode::precompute, ReferenceMode::in_step})
        for (const Recompute recompute : {Recompute::none, Recompute::block}) {
            MemorySettings settings{"cpu", recompute, {}};
            settings.training.reference = reference;
            const MemoryPlan full = plan_memory(plan, config, settings);
            settings.training.lora.emplace();
            settings.training.lora->r = 2;
            const MemoryPlan predicted = plan_memory(plan, config, settings);
            CHECK(static_cast<double>(predicted.total()) ==
                  doctest::Approx(static_cast<double>(measured(plan, settings))).epsilon(0.05));
            CHECK(predicted.optimizer < full.optimizer / 3);
            // The whole model once, and the adapter.
            CHECK(predicted.weights < full.weights / (reference == ReferenceMode::in_step ? 2 : 1) * 13 / 10);
        }
}

TEST_CASE("a copy of the start adapter as in-step reference counts with the weights") {
    const Plan plan = random_plan();
    MemorySettings settings{"cpu", Recompute::none, {}};
    settings.training.reference = ReferenceMode::in_step;
    settings.training.lora.emplace();
    settings.training.adapter = "adapter";
    const MemoryPlan of_base = plan_memory(plan, config, settings);
    settings.training.adapter_reference = AdapterReference::adapter;
    const MemoryPlan of_adapter = plan_memory(plan, config, settings);
    CHECK(of_adapter.weights > of_base.weights);
    CHECK(of_adapter.optimizer == of_base.optimizer);
    CHECK(static_cast<double>(of_adapter.total()) ==
          doctest::Approx(static_cast<double>(measured(plan, settings))).epsilon(0.05));
    // Precomputed, there is nothing to keep.
    settings.training.reference = ReferenceMode::precompute;
    CHECK(plan_memory(plan, config, settings).weights == of_base.weights);
}

TEST_CASE("advice names the first setting that makes a run fit") {
    const Plan plan = random_plan();
    MemorySettings settings{"cuda", Recompute::none, {}};
    settings.training.reference = ReferenceMode::in_step;
    const auto needed = [&](Recompute recompute) {
        MemorySettings changed = settings;
        changed.recompute = recompute;
        return plan_memory(plan, config, changed).total();
    };
    CHECK(needed(Recompute::block) <= needed(Recompute::mlp));
    CHECK(needed(Recompute::mlp) <= needed(Recompute::none));
    CHECK(memory_advice(plan, config, settings, needed(Recompute::mlp)).find("recompute \"mlp\"") !=
          std::string::npos);
    CHECK(memory_advice(plan, config, settings, 1000).find("smaller model") != std::string::npos);
}

TEST_CASE("what is computed again is as little as fits: MLP after MLP, then block after block") {
    const Plan plan = random_plan();
    ModelConfig deep = config;
    deep.layers = 6;
    deep.intermediate_size = 256;
    for (const bool lora : {false, true}) {
        CAPTURE(lora);
        MemorySettings settings{"cpu", Recompute::none, {}};
        if (lora) {
            settings.training.lora.emplace();
            settings.training.lora->r = 4;
        }
        const auto needed = [&](std::int64_t level) {
            MemorySettings changed = settings;
            changed.recompute = RecomputePlan::of_level(level, deep.layers);
            return plan_memory(plan, deep, changed).total();
        };
        const auto chosen = [&](std::size_t available) {
            return least_recompute(plan, deep, settings, available);
        };
        /// The least memory of which so many bytes may be planned.
        const auto with_slack = [](std::size_t bytes) {
            std::size_t available = bytes;
            while (available - available / 25 * 2 < bytes) ++available;
            return available;
        };
        const std::int64_t most = most_recompute(deep.layers);
        REQUIRE(most == 10);
        for (std::int64_t level = 0; level <= most; ++level) {
            CAPTURE(level);
            const RecomputePlan of_level = RecomputePlan::of_level(level, deep.layers);
            CHECK(of_level.level(deep.layers) == level);
            if (level > 0) CHECK(needed(level) < needed(level - 1));
            CHECK(chosen(with_slack(needed(level))) == of_level);
            // One byte less, and more is computed again; at the end there is no more.
            CHECK(chosen(with_slack(needed(level)) - 1).level(deep.layers) == std::min(level + 1, most));
            settings.recompute = of_level;
            CHECK(static_cast<double>(plan_memory(plan, deep, settings).total()) ==
                  doctest::Approx(static_cast<double>(measured(plan, settings, deep))).epsilon(0.05));
        }
        CHECK(chosen(0).is_none());
        CHECK(chosen(1) == RecomputePlan::of_level(most, deep.layers));
        settings.recompute = Recompute::none;
        CHECK(needed(most) == plan_memory(plan, deep,
                                          [&] {
                                              MemorySettings all = settings;
                                              all.recompute = Recompute::block;
                                              return all;
                                          }())
                                  .total());
        // All is computed again already: that is no advice.
        settings.recompute = RecomputePlan::of_level(most, deep.layers);
        CHECK(memory_advice(plan, deep, settings, needed(most) - 1).find("recompute") == std::string::npos);
        settings.recompute = RecomputePlan::of_level(most - 1, deep.layers);
        CHECK(memory_advice(plan, deep, settings, needed(most)).find("recompute \"block\"") !=
              std::string::npos);
    }
    ModelConfig flat = config;
    flat.layers = 1;
    const MemorySettings settings{"cpu", Recompute::none, {}};
    CHECK(least_recompute(plan, flat, settings, 1).is_none());
}

TEST_CASE("large memories keep two GiB that are not planned, small ones 8 %") {
    const Plan plan = random_plan();
    ModelConfig wide = config;
    wide.layers = 40;
    wide.intermediate_size = std::int64_t{1} << 22;
    MemorySettings settings{"cpu", Recompute::none, {}};
    settings.training.lora.emplace();
    settings.training.lora->target_modules = std::vector<std::string>{"q_proj"};
    const std::size_t needed = plan_memory(plan, wide, settings).total();
    REQUIRE(needed > std::size_t{40} << 30);
    CHECK(least_recompute(plan, wide, settings, needed + device_slack).is_none());
    CHECK(least_recompute(plan, wide, settings, needed + device_slack - 1) == RecomputePlan(0, 1));
}

TEST_CASE("optimizer and gradients are shared out before anything is computed again, parameters afterwards") {
    const Plan plan = random_plan();
    ModelConfig deep = config;
    deep.layers = 10;
    MemorySettings settings{"cpu", Recompute::none, {}};
    settings.ranks = 2;
    const auto needed = [&](Sharding sharding, RecomputePlan recompute) {
        MemorySettings changed = settings;
        changed.sharding = sharding;
        changed.recompute = recompute;
        return plan_memory(plan, deep, changed).total();
    };
    const auto chosen = [&](std::size_t planned) {
        return least_sharding_with_recompute(plan, deep, settings, planned + planned / 10);
    };
    REQUIRE(needed(Sharding::gradients, Recompute::block) * 11 / 10 <
            needed(Sharding::gradients, Recompute::none));
    CHECK(chosen(needed(Sharding::none, Recompute::none)) == Sharding::none);
    CHECK(chosen(needed(Sharding::optimizer, Recompute::none)) == Sharding::optimizer);
    CHECK(chosen(needed(Sharding::gradients, Recompute::none)) == Sharding::gradients);
    CHECK(chosen(needed(Sharding::gradients, Recompute::block)) == Sharding::gradients);
    CHECK(chosen(needed(Sharding::parameters, Recompute::block)) == Sharding::parameters);
    CHECK(chosen(1000) == Sharding::parameters);
    CHECK(least_sharding_with_recompute(plan, deep, settings, 0) == Sharding::none);
    settings.ranks = 1;
    CHECK(chosen(1000) == Sharding::none);
}

TEST_CASE("larger bins of the plan that is evaluated on are counted") {
    const Plan plan = random_plan();
    const Plan larger = read_plan(
        make_plan(random_pairs(40, config.vocab_size, 4), 8, 1, 480, Packing::shared, config.vocab_size));
    MemorySettings settings{"cpu", Recompute::block, {}};
    settings.training.lora.emplace();
    const std::size_t without = plan_memory(plan, config, settings).total();
    settings.evaluated = &plan;
    const std::size_t as_large = plan_memory(plan, config, settings).total();
    CHECK(as_large < without + without / 100);
    settings.evaluated = &larger;
    CHECK(plan_memory(plan, config, settings).total() > as_large + as_large / 20);
}

TEST_CASE(
    "what ranks that share out will hold is what each then holds, and auto takes the least sharing that fits") {
    const Plan plan = random_plan();
    ModelConfig deep = config;
    deep.layers = 10;
    for (const bool lora : {false, true})
        for (const int ranks : {2, 3}) {
            CAPTURE(lora);
            CAPTURE(ranks);
            MemorySettings settings{"cpu", Recompute::none, {}};
            settings.training.reference = ReferenceMode::in_step;
            if (lora) {
                settings.training.lora.emplace();
                settings.training.lora->r = 4;
            }
            settings.ranks = ranks;
            std::vector<std::size_t> needed;
            for (const Sharding sharding : shardings) {
                CAPTURE(name_of(sharding));
                settings.sharding = sharding;
                needed.push_back(plan_memory(plan, deep, settings).total());
                auto communicators = make_thread_ranks(ranks);
                std::vector<Communicator*> plain;
                for (const auto& one : communicators) plain.push_back(one.get());
                RankThreads threads(plain);
                std::vector<std::size_t> held(communicators.size());
                threads.run([&](std::size_t rank) {
                    LoadedRun run(deep, settings.training, 9, 1, *communicators[rank], sharding);
                    for (std::int64_t s = 0; s < plan.steps(); ++s) run.trainer.step(plan, s, 1e-4);
                    held[rank] = run.backend->peak_memory();
                });
                // Not every rank gets the largest bins.
                CHECK(static_cast<double>(needed.back()) ==
                      doctest::Approx(static_cast<double>(std::ranges::max(held))).epsilon(0.05));
            }
            CHECK(needed[1] < needed[0]);
            CHECK((lora ? needed[2] == needed[1] : needed[2] < needed[1]));
            CHECK(needed[3] < needed[2]);
            CHECK(least_sharding(plan, deep, settings, needed[0]) == Sharding::none);
            CHECK(least_sharding(plan, deep, settings, needed[0] - 1) == Sharding::optimizer);
            if (!lora) CHECK(least_sharding(plan, deep, settings, needed[1] - 1) == Sharding::gradients);
            CHECK(least_sharding(plan, deep, settings, needed[2] - 1) == Sharding::parameters);
            CHECK(least_sharding(plan, deep, settings, 1) == Sharding::parameters);
            CHECK(least_sharding(plan, deep, settings, 0) == Sharding::none);
            settings.sharding = Sharding::none;
            CHECK(memory_advice(plan, deep, settings, needed[1]).find("shard \"optimizer\"") !=
                  std::string::npos);
            CHECK(check_memory(plan, deep, settings, "device", needed[0] + 7) == 7);
            try {
                check_memory(plan, deep, settings, "device", needed[0] - 1);
                FAIL("it fits");
            } catch (const Error& error) {
                CHECK(error.code() == ExitCode::out_of_memory);
                CHECK(std::string(error.what()).find("on each of its " + std::to_string(ranks)) !=
                      std::string::npos);
            }
            settings.ranks = 1;
            CHECK(least_sharding(plan, deep, settings, 1) == Sharding::none);
        }
}

TEST_CASE("GPUs that work together keep memory for that, which is counted") {
    MemorySettings settings{"cuda", Recompute::none, {}};
    const Plan plan = random_plan();
    CHECK(plan_memory(plan, config, settings).communication == 0);
    settings.ranks = 2;
    const std::size_t one = plan_memory(plan, config, settings).communication;
    CHECK(one > 0);
    settings.ranks = 1;
    settings.processes = 2;
    for (const Sharding sharding : shardings) {
        settings.sharding = sharding;
        CHECK(plan_memory(plan, config, settings).communication == one);
    }
}

TEST_CASE("processes share out what one of them does, and speak through a communicator more") {
    MemorySettings settings{"cuda", Recompute::none, {}};
    const Plan plan = random_plan();
    settings.ranks = 4;
    for (const Sharding sharding : shardings) {
        settings.sharding = sharding;
        settings.processes = 1;
        const MemoryPlan one = plan_memory(plan, config, settings);
        settings.processes = 3;
        const MemoryPlan three = plan_memory(plan, config, settings);
        CHECK(three.weights == one.weights);
        CHECK(three.optimizer == one.optimizer);
        CHECK(three.activations == one.activations);
        CHECK(three.communication == one.communication * (sharding == Sharding::none ? 1 : 2));
    }
}

TEST_CASE(
    "an offloaded optimizer is counted in the host's memory, and leaves the device all but gradients and parts") {
    const Plan plan = random_plan();
    ModelConfig wide = config;
    wide.hidden_size = 256;
    wide.intermediate_size = 512;
    wide.head_dim = 64;
    wide.layers = 10;
    for (const int ranks : {1, 2})
        for (const Moments moments : {Moments::f32, Moments::bf16})
            for (const bool lora : {false, true}) {
                CAPTURE(ranks);
                CAPTURE(lora);
                MemorySettings settings{"cuda", Recompute::none, {}};
                settings.training.moments = moments;
                settings.ranks = ranks;
                settings.sharding = ranks == 1 ? Sharding::none : Sharding::optimizer;
                if (lora) {
                    settings.training.lora.emplace();
                    settings.training.lora->r = 8;
                }
                const MemoryPlan here = plan_memory(plan, wide, settings);
                settings.offload.optimizer = true;
                const MemoryPlan there = plan_memory(plan, wide, settings);
                CHECK(here.host == 0);
                CHECK(there.weights == here.weights);
                CHECK(there.total() < here.total());
                // Of each element 4 bytes of master, and two moments; gradients of 4 bytes stay, all of them.
                CountingBackend counter("cuda");
                const auto elements = static_cast<std::size_t>(
                    lora ? Lora(counter, wide, lora_modules(wide, *settings.training.lora, "test"),
                                DType::bf16, ranks)
                               .flat()
                               .size()
                         : Parameters(counter, wide, DType::bf16, ranks).flat().size());
                const std::size_t state = moments == Moments::f32 ? 12 : 8;
                CHECK(there.host == elements * state / static_cast<std::size_t>(ranks));
                // Beside them three of sixteen parts, in blocks of 2 MiB.
                CHECK(there.optimizer >= elements * 4);
                CHECK(there.optimizer <= elements * 4 + there.host / 4 + (std::size_t{8} << 20));
                // What is on the host does not count as the device's.
                CHECK(check_memory(plan, wide, settings, "device", there.total(), there.host) ==
                      there.total() - (there.total() - there.context));
                try {
                    check_memory(plan, wide, settings, "device", there.total(), there.host - 1);
                    FAIL("it fits");
                } catch (const Error& error) {
                    CHECK(error.code() == ExitCode::out_of_memory);
                    CHECK(std::string(error.what()).find("of the host's memory") != std::string::npos);
                    CHECK((error.advice().find("adam_moments") != std::string::npos) ==
                          (moments == Moments::f32));
                }
            }
}

TEST_CASE("offloading is advised where nothing cheaper is enough, with no more beside it than is needed") {
    const Plan plan = random_plan();
    ModelConfig wide = config;
    wide.hidden_size = 256;
    wide.intermediate_size = 512;
    wide.head_dim = 64;
    wide.layers = 10;
    MemorySettings settings{"cuda", Recompute::none, {}};
    const auto needed = [&](auto change) {
        MemorySettings changed = settings;
        change(changed);
        return plan_memory(plan, wide, changed);
    };
    const MemoryPlan offloaded = needed([](MemorySettings& s) { s.offload.optimizer = true; });
    const std::string advice = memory_advice(plan, wide, settings, offloaded.total());
    CHECK(advice.find("Set runner.offload \"optimizer\" in run.json") == 0);
    // With recomputation too, but not with bfloat16 moments, which alone would save more than it.
    const std::size_t both = needed([](MemorySettings& s) {
                                 s.offload.optimizer = true;
                                 s.recompute = Recompute::block;
                             }).total();
    REQUIRE(both < offloaded.total());
    CHECK(memory_advice(plan, wide, settings, both).find("runner.offload \"optimizer\"") !=
          std::string::npos);
    CHECK(memory_advice(plan, wide, settings, both).find("precompute") == std::string::npos);
    // Only where the host has room.
    CHECK(memory_advice(plan, wide, settings, offloaded.total(), offloaded.host) == advice);
    CHECK(memory_advice(plan, wide, settings, offloaded.total(), 1000).find("offload") == std::string::npos);
    settings.backend = "cpu";
    CHECK(memory_advice(plan, wide, settings, 1000).find("offload") == std::string::npos);
}

TEST_CASE("how much the host has is free memory, or what a variable says") {
    CHECK(host_memory_of_each(1) > 0);
    REQUIRE(::setenv("WISHBONE_HOST_MEMORY", "128", 1) == 0);
    CHECK(host_memory_of_each(1) == 128'000'000'000);
    CHECK(host_memory_of_each(8) == 16'000'000'000);
    for (const char* wrong : {"much", "128GB", "0", "-1", "1e10"}) {
        REQUIRE(::setenv("WISHBONE_HOST_MEMORY", wrong, 1) == 0);
        CHECK_THROWS_AS(host_memory_of_each(1), Error);
    }
    REQUIRE(::unsetenv("WISHBONE_HOST_MEMORY") == 0);
}
