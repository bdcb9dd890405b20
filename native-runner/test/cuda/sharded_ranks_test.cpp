#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cuda/gpu_runs.h"
#include "support/checkpoints.h"

using namespace wishbone;
using namespace wishbone::test;

// Two GPUs that share out the optimizer or the gradients train as two that share out nothing, to the bit where each has one bin a step:
// of two numbers there is one sum, and moments are rounded by the element.

namespace {

bool have_two_gpus() {
    static const bool two = [] {
        const std::size_t devices = cuda_info().devices.size();
        if (devices < 2)
            std::fprintf(stderr, "tests of sharding over two GPUs are skipped: %zu usable here\n", devices);
        return devices >= 2;
    }();
    return two;
}

double relative_difference(const std::vector<double>& a, const std::vector<double>& b) {
    REQUIRE(a.size() == b.size());
    double most = 0;
    for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]) / std::abs(b[i]));
    return most;
}

}  // namespace

TEST_CASE("two GPUs: what is shared out changes no bit, and one GPU says the same within bf16" *
          doctest::skip(!have_two_gpus())) {
    for (const bool tied : {true, false})
        for (const Moments moments : {Moments::f32, Moments::bf16})
            for (const bool lora : {false, true}) {
                CAPTURE(tied);
                CAPTURE(lora);
                const ModelConfig config = small_config(tied);
                TrainingOptions options = strong_gpu_options();
                options.moments = moments;
                if (lora) {
                    options.lora.emplace();
                    options.lora->r = 8;
                    options.lora->target_modules = {"q_proj", "v_proj", "down_proj"};
                }
                // Of two bins each GPU has one.
                const Plan plan = plan_of(config, 200);
                Gpus none(2, config, options, Sharding::none);
                const std::vector<double> expected = none.train(plan, options);
                const std::vector<float> state = none.state(options);
                bool one_each = true;
                for (std::int64_t s = 0; s < plan.steps(); ++s)
                    one_each &= plan.bins_of_step(s).end - plan.bins_of_step(s).begin <= 2;
                for (const Sharding sharding :
                     {Sharding::optimizer, Sharding::gradients, Sharding::parameters}) {
                    CAPTURE(name_of(sharding));
                    Gpus gpus(2, config, options, sharding);
                    const std::vector<double> found = gpus.train(plan, options);
                    CHECK(relative_difference(found, expected) < 1e-3);
                    // Where bins are more, a GPU adds up its own first, or it does not.
                    if (sharding == Sharding::optimizer || one_each || lora)
                        CHECK(gpus.state(options) == state);
                }
                Gpus one(1, config, options, Sharding::none);
                CHECK(relative_difference(one.train(plan, options), expected) < 0.02);
            }
}

TEST_CASE("two GPUs: checkpoints of shards go on as whole ones, and the other way round" *
          doctest::skip(!have_two_gpus())) {
    const ModelConfig config = small_config(false);
    const TrainingOptions options = strong_gpu_options();
    const Plan plan = plan_of(config, 200);
    for (const auto& [from, to] :
         {std::pair(Sharding::gradients, Sharding::none), std::pair(Sharding::none, Sharding::optimizer),
          std::pair(Sharding::parameters, Sharding::optimizer),
          std::pair(Sharding::gradients, Sharding::parameters)}) {
        const TemporaryFolder folder;
        Gpus first(2, config, options, from);
        first.train(plan, options);
        write_whole(folder.path(), {plan.steps(), 17, "plan", "{}", {}}, first.trainers(), options);
        Gpus second(2, config, options, to), alone(1, config, options, Sharding::none);
        second.load(folder.path());
        alone.load(folder.path());
        CHECK(second.state(options) == first.state(options));
        CHECK(alone.state(options) == first.state(options));
    }
}

TEST_CASE("two GPUs: divided pairs, many bins, and less memory for what is shared out" *
          doctest::skip(!have_two_gpus())) {
    ModelConfig config = small_config(false);
    config.hidden_size = 1024;
    config.intermediate_size = 2048;
    config.layers = 16;
    const TrainingOptions options = [] {
        TrainingOptions all = strong_gpu_options();
        all.max_grad_norm = 1;
        return all;
    }();
    for (const Packing packing : {Packing::shared, Packing::split}) {
        const Plan plan = plan_of(config, 80, packing);
        std::vector<double> expected;
        std::size_t before = 0;
        for (const Sharding sharding : shardings) {
            CAPTURE(name_of(sharding));
            Gpus gpus(2, config, options, sharding);
            const std::vector<double> found = gpus.train(plan, options);
            if (expected.empty()) expected = found;
            // Sums over bins have another order where gradients are shared out, and the rates are strong: 0.025 on an H200.
            CHECK(relative_difference(found, expected) < 0.05);
            if (before > 0) CHECK(gpus.peak() < before);
            before = gpus.peak();
        }
    }
}
