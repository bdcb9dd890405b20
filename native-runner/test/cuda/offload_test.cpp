#include <doctest/doctest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "cuda/gpu_runs.h"
#include "run/memory_plan.h"
#include "support/checkpoints.h"
#include "support/files.h"

using namespace wishbone;
using namespace wishbone::test;

// A GPU whose optimizer is in the host's memory trains as one that has it itself, to the bit.

namespace {

bool have_gpus(std::size_t count) {
    static const std::size_t devices = [] {
        const std::size_t found = cuda_info().devices.size();
        if (found < 2)
            std::fprintf(stderr, "tests of offloading on one or two GPUs: %zu usable here\n", found);
        return found;
    }();
    return devices >= count;
}

constexpr Offload none = {};
constexpr Offload in_parts(std::int64_t piece) { return {.optimizer = true, .piece = piece}; }

TrainingOptions options_with(Moments moments, bool lora) {
    TrainingOptions options = strong_gpu_options();
    options.max_grad_norm = 0.5;
    options.moments = moments;
    if (lora) {
        options.lora.emplace();
        options.lora->r = 8;
        options.lora->target_modules = {"q_proj", "v_proj", "down_proj"};
    }
    return options;
}

}  // namespace

TEST_CASE("one GPU: an offloaded optimizer changes no bit, in parts of any size" *
          doctest::skip(!have_gpus(1))) {
    for (const bool tied : {true, false})
        for (const Moments moments : {Moments::f32, Moments::bf16})
            for (const bool lora : {false, true}) {
                CAPTURE(tied);
                CAPTURE(lora);
                CAPTURE(moments == Moments::f32);
                const ModelConfig config = small_config(tied);
                const TrainingOptions options = options_with(moments, lora);
                const Plan plan = plan_of(config, 200);
                Gpus here(1, config, options, Sharding::none);
                const std::vector<double> expected = here.train(plan, options);
                const std::vector<float> state = here.state(options);
                // The first is of no whole vectors.
                for (const Offload offload :
                     {in_parts(4099), in_parts(1 << 15), Offload{.optimizer = true}}) {
                    CAPTURE(offload.piece);
                    Gpus there(1, config, options, Sharding::none, offload);
                    CHECK(there.train(plan, options) == expected);
                    CHECK(there.state(options) == state);
                }
            }
}

TEST_CASE("one GPU: a reference that follows, from an offloaded optimizer" * doctest::skip(!have_gpus(1))) {
    const ModelConfig config = small_config(false);
    TrainingOptions options = options_with(Moments::bf16, false);
    options.sync_ref_model = true;
    options.ref_model_sync_steps = 2;
    options.ref_model_mixup_alpha = 0.25;
    const Plan plan = plan_of(config, 200);
    Gpus here(1, config, options, Sharding::none),
        there(1, config, options, Sharding::none, in_parts(1 << 16));
    CHECK(there.train(plan, options) == here.train(plan, options));
    CHECK(there.state(options) == here.state(options));
}

TEST_CASE("one GPU: checkpoints of an offloaded optimizer have the same bytes, and go on with it or without" *
          doctest::skip(!have_gpus(1))) {
    const ModelConfig config = small_config(false);
    for (const Moments moments : {Moments::f32, Moments::bf16}) {
        const TrainingOptions options = options_with(moments, false);
        const Plan plan = plan_of(config, 200);
        const TemporaryFolder folder;
        std::vector<std::string> files;
        for (const Offload offload : {none, in_parts(1 << 16)}) {
            Gpus first(1, config, options, Sharding::none, offload);
            first.train(plan, options);
            const auto run = folder / (offload.optimizer ? "there" : "here");
            std::filesystem::create_directory(run);
            const auto path =
                run / write_whole(run, {plan.steps(), 17, "plan", "{}", {}}, first.trainers(), options);
            for (const char* name : {"model.safetensors", "optimizer.safetensors", "state.json"})
                files.push_back(read_file(path / name));
        }
        for (std::size_t i = 0; i < 3; ++i) CHECK(files[i] == files[i + 3]);
        std::vector<std::vector<double>> said;
        std::vector<std::vector<float>> states;
        for (const auto& [from, to] : {std::pair("here", none), std::pair("here", in_parts(1 << 16)),
                                       std::pair("there", none), std::pair("there", in_parts(1 << 14))}) {
            Gpus second(1, config, options, Sharding::none, to);
            second.load(folder / from);
            said.push_back(second.train(plan, options));
            states.push_back(second.state(options));
            CHECK(said.back() == said.front());
            CHECK(states.back() == states.front());
        }
    }
}

TEST_CASE("one GPU: what is offloaded is predicted, on the device and on the host" *
          doctest::skip(!have_gpus(1))) {
    ModelConfig config = small_config(false);
    config.hidden_size = 1024;
    config.intermediate_size = 2048;
    config.head_dim = 128;
    config.query_heads = 8;
    config.layers = 16;
    const TrainingOptions options = options_with(Moments::bf16, false);
    const Plan plan = plan_of(config, 200);
    std::size_t without = 0;
    for (const Offload offload : {none, Offload{.optimizer = true}}) {
        MemorySettings settings{"cuda", Recompute::none, options};
        settings.offload = offload;
        const MemoryPlan predicted = plan_memory(plan, config, settings);
        Gpus gpu(1, config, options, Sharding::none, offload);
        gpu.train(plan, options);
        CHECK(static_cast<double>(gpu.peak()) ==
              doctest::Approx(static_cast<double>(predicted.total() - predicted.context)).epsilon(0.05));
        CHECK(gpu.backend(0).host().peak_memory() == predicted.host);
        if (offload.optimizer)
            CHECK(gpu.peak() < without * 3 / 4);
        else
            without = gpu.peak();
    }
}

TEST_CASE("two GPUs: an offloaded optimizer changes no bit of what is shared out" *
          doctest::skip(!have_gpus(2))) {
    const ModelConfig config = small_config(false);
    const TrainingOptions options = options_with(Moments::bf16, false);
    const Plan plan = plan_of(config, 200);
    for (const Sharding sharding : shardings) {
        CAPTURE(name_of(sharding));
        Gpus here(2, config, options, sharding), there(2, config, options, sharding, in_parts(1 << 15));
        CHECK(there.train(plan, options) == here.train(plan, options));
        CHECK(there.state(options) == here.state(options));
    }
}
