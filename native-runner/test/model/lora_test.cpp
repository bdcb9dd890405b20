#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <random>

#include "core/error.h"
#include "model/transformer/transformer.h"
#include "reference/differences.h"
#include "reference/featured_models.h"
#include "reference/poisoning_backend.h"
#include "reference/random_bin.h"
#include "reference/random_model.h"

using namespace wishbone;
using namespace wishbone::reference;

namespace {

ModelConfig small_config(std::int64_t layers = 2) {
    ModelConfig config;
    config.vocab_size = 29;
    config.hidden_size = 24;
    config.intermediate_size = 40;
    config.layers = layers;
    config.query_heads = 4;
    config.kv_heads = 2;
    config.head_dim = 8;
    config.max_position_embeddings = 256;
    return config;
}

constexpr std::int64_t expected_length = 200;

std::vector<LoraModule> modules_of(const ModelConfig& config, const LoraConfig& lora) {
    return lora_modules(config, lora, "test");
}

std::vector<std::string> names_of(const std::vector<LoraModule>& modules) {
    std::vector<std::string> names;
    for (const LoraModule& module : modules) names.push_back(module.linear.name);
    return names;
}

Weights random_adapter(std::mt19937& random, const std::vector<LoraModule>& modules) {
    Weights adapter;
    for (const LoraModule& module : modules) {
        const auto size = [](std::int64_t a, std::int64_t b) { return static_cast<std::size_t>(a * b); };
        adapter[module.linear.name + ".lora_A.weight"] =
            random_values(random, size(module.rank, module.linear.inputs), 0.3);
        adapter[module.linear.name + ".lora_B.weight"] =
            random_values(random, size(module.linear.outputs, module.rank), 0.3);
    }
    return adapter;
}

/// w + scale · b · a, for a plain model in double that knows nothing of adapters.
Weights merged(Weights weights, const Weights& adapter, const std::vector<LoraModule>& modules) {
    for (const auto& [linear, rank, scale] : modules) {
        std::vector<double>& w = weights.at(linear.name + ".weight");
        const std::vector<double>&a = adapter.at(linear.name + ".lora_A.weight"),
              &b = adapter.at(linear.name + ".lora_B.weight");
        for (std::int64_t i = 0; i < linear.outputs; ++i)
            for (std::int64_t k = 0; k < linear.inputs; ++k)
                for (std::int64_t r = 0; r < rank; ++r)
                    w[static_cast<std::size_t>(i * linear.inputs + k)] +=
                        scale * b[static_cast<std::size_t>(i * rank + r)] *
                        a[static_cast<std::size_t>(r * linear.inputs + k)];
    }
    return weights;
}

struct Fixture {
    Fixture(const ModelConfig& the_config, const LoraConfig& lora, unsigned seed,
            RecomputePlan recompute = Recompute::none)
        : config(the_config),
          random(seed),
          backend(make_cpu_backend(2)),
          modules(modules_of(config, lora)),
          weights(random_weights(random, config)),
          values(random_adapter(random, modules)),
          parameters(backend, config, DType::f32),
          adapter(backend, config, modules, DType::f32),
          model(backend, config, recompute) {
        model.expect_length(expected_length);
        upload(backend, parameters, weights);
        upload(backend, adapter, values);
    }

    ModelConfig config;
    std::mt19937 random;
    PoisoningBackend backend;
    std::vector<LoraModule> modules;
    Weights weights, values;
    Parameters parameters;
    Lora adapter;
    Transformer model;

    struct Result {
        std::vector<float> logps;
        Weights gradients;
    };
    Result run(const OwnedBin& bin, const std::vector<double>& weight) {
        Lora gradients(backend, config, modules, DType::f32);
        const auto prepared = model.prepare(bin.view());
        Result result;
        result.logps = model.forward({parameters, &adapter}, *prepared, true);
        model.backward({parameters, &adapter}, gradients, *prepared,
                       std::vector<float>(weight.begin(), weight.end()));
        result.gradients = download(backend, gradients);
        return result;
    }

    std::vector<double> reference_logps(const std::vector<Sequence>& sequences,
                                        const Weights& of_adapter) const {
        const Weights all = merged(weights, of_adapter, modules);
        std::vector<double> result;
        for (const Sequence& sequence : sequences) {
            const std::vector<double> part =
                logps(config, all, sequence.tokens, sequence.start, expected_length);
            result.insert(result.end(), part.begin(), part.end());
        }
        return result;
    }
};

LoraConfig all_linear() {
    LoraConfig lora;
    lora.r = 3;
    lora.lora_alpha = 4;
    lora.rank_pattern = {{"o_proj", 5}, {"layers\\.1\\..*", 2}};
    return lora;
}

}  // namespace

TEST_CASE("adapters: log-probabilities and gradients are those of the double model with merged weights") {
    unsigned seed = 51;
    LoraConfig some;
    some.r = 2;
    some.lora_alpha = 2;
    some.use_rslora = true;
    some.target_pattern = ".*\\.(v_proj|o_proj|up_proj|qkv_proj)";
    for (const auto& [name_of_config, config] : featured_models(small_config()))
        for (const LoraConfig& lora : {all_linear(), some}) {
            CAPTURE(name_of_config);
            Fixture fixture(config, lora, seed++);
            const RandomBin bin(
                fixture.random,
                {.trees = 2, .deepest = 3, .most_children = 2, .longest_segment = 5, .vocabulary = 29});
            const std::vector<double> weight = random_values(fixture.random, bin.shared.target_row.size());
            const Fixture::Result result = fixture.run(bin.shared, weight);
            CHECK(relative_difference(result.logps, fixture.reference_logps(bin.sequences, fixture.values)) <
                  3e-6);
            Weights moved = fixture.values;
            const auto loss = [&] { return dot(weight, fixture.reference_logps(bin.sequences, moved)); };
            CHECK(result.gradients.size() == 2 * fixture.modules.size());
            for (const auto& [name, gradient] : result.gradients) {
                CAPTURE(name);
                std::vector<double>& values = moved.at(name);
                const double size = std::sqrt(dot(gradient, gradient));
                REQUIRE(size > 0);
                const std::vector<double> direction = random_values(fixture.random, values.size());
                CHECK(std::abs(dot(gradient, direction) - slope(loss, values, direction)) < 3e-5 * size);
                std::vector<double> unit = gradient;
                for (double& value : unit) value /= size;
                CHECK(slope(loss, values, unit) == doctest::Approx(size).epsilon(2e-5));
            }
        }
}

TEST_CASE("adapters: shared as naive, and what is computed again is the same to the last bit") {
    for (const auto& [name_of_config, config] : featured_models(small_config(3))) {
        CAPTURE(name_of_config);
        Fixture keeps(config, all_linear(), 61);
        std::vector<std::unique_ptr<Fixture>> others;
        for (std::int64_t level = 1; level <= most_recompute(config.layers); ++level)
            others.push_back(std::make_unique<Fixture>(config, all_linear(), 61,
                                                       RecomputePlan::of_level(level, config.layers)));
        for (const int longest : {9, 3, 14}) {
            const RandomBin bin(keeps.random, {.trees = 3, .longest_segment = longest, .vocabulary = 29});
            const std::vector<double> weight = random_values(keeps.random, bin.shared.target_row.size());
            const Fixture::Result expected = keeps.run(bin.shared, weight),
                                  plain = keeps.run(bin.naive(), weight);
            CHECK(relative_difference(plain.logps, expected.logps) < 1e-5);
            for (const auto& [name, gradient] : plain.gradients) {
                CAPTURE(name);
                CHECK(relative_difference(expected.gradients.at(name), gradient) < 1e-5);
            }
            for (const auto& fixture : others) {
                const Fixture::Result result = fixture->run(bin.shared, weight);
                CHECK(result.logps == expected.logps);
                CHECK(result.gradients == expected.gradients);
            }
        }
    }
}

TEST_CASE("adapters: without one, or with lora_B zero, the model is the base to the last bit") {
    Fixture fixture(small_config(), all_linear(), 71);
    const RandomBin bin(fixture.random, {.trees = 2, .vocabulary = 29});
    const auto prepared = fixture.model.prepare(bin.shared.view());
    const std::vector<float> base = fixture.model.forward(fixture.parameters, *prepared, false),
                             adapted = fixture.model.forward({fixture.parameters, &fixture.adapter},
                                                             *prepared, false);
    CHECK(base != adapted);
    CHECK(fixture.model.forward(fixture.parameters, *prepared, false) == base);
    initialise(fixture.backend, fixture.adapter, 7);
    const Weights start = download(fixture.backend, fixture.adapter);
    CHECK(fixture.model.forward({fixture.parameters, &fixture.adapter}, *prepared, false) == base);
    for (const LoraModule& module : fixture.modules) {
        double largest = 0, squares = 0;
        const std::vector<double>& a = start.at(module.linear.name + ".lora_A.weight");
        for (const double value : a) largest = std::max(largest, std::abs(value)), squares += value * value;
        const double bound = 1 / std::sqrt(static_cast<double>(module.linear.inputs));
        CHECK(largest <= bound);
        CHECK(squares / static_cast<double>(a.size()) == doctest::Approx(bound * bound / 3).epsilon(0.5));
        for (const double value : start.at(module.linear.name + ".lora_B.weight")) CHECK(value == 0);
    }
    initialise(fixture.backend, fixture.adapter, 7);
    CHECK(download(fixture.backend, fixture.adapter) == start);
    initialise(fixture.backend, fixture.adapter, 8);
    CHECK(download(fixture.backend, fixture.adapter) != start);
}

TEST_CASE("adapters: which layers, ranks and scales, as PEFT decides") {
    const ModelConfig config = small_config();
    LoraConfig lora;
    CHECK(modules_of(config, lora).size() == 14);
    lora.target_modules = {"q_proj", "layers.1.mlp.down_proj"};
    CHECK(names_of(modules_of(config, lora)) == std::vector<std::string>{"model.layers.0.self_attn.q_proj",
                                                                         "model.layers.1.self_attn.q_proj",
                                                                         "model.layers.1.mlp.down_proj"});
    lora.rank_pattern = {{"layers.0.self_attn.q_proj", 4}, {"q_proj", 9}};
    lora.alpha_pattern = {{"down_proj", 10}};
    lora.use_rslora = true;
    const std::vector<LoraModule> modules = modules_of(config, lora);
    CHECK(modules[0].rank == 4);
    CHECK(modules[1].rank == 9);
    CHECK(modules[2].rank == 16);
    CHECK(modules[0].scale == doctest::Approx(16));
    CHECK(modules[1].scale == doctest::Approx(32.0 / 3));
    CHECK(modules[2].scale == doctest::Approx(2.5));

    const auto refused = [&](const LoraConfig& bad, const char* part) {
        try {
            modules_of(config, bad);
            FAIL("was not refused");
        } catch (const Error& error) {
            CHECK(error.code() == ExitCode::bad_input);
            CHECK(std::string(error.what()).find(part) != std::string::npos);
        }
    };
    LoraConfig bad = lora;
    bad.target_modules = {"q_proj", "qkv_proj"};
    refused(bad, "qkv_proj");
    bad.target_modules = {"lm_head"};
    refused(bad, "lm_head");
    bad = lora;
    bad.rank_pattern.push_back({"up_proj", 3});
    refused(bad, "up_proj");
    bad = {};
    bad.target_pattern = "(q_proj";
    refused(bad, "regular expression");
    bad.target_pattern = "q_proj";  // the whole name is asked for
    refused(bad, "q_proj");
    bad.target_pattern = ".*";
    refused(bad, "matches lm_head too");
    bad.target_pattern = "model\\.(embed_tokens|.*q_proj)";
    refused(bad, "matches model.embed_tokens too");
    bad.target_pattern = "(?i).*(?<!K)_PROJ";
    CHECK(modules_of(config, bad).size() == 12);
    bad.target_pattern = "(.*)*(.*)*(.*)*x";
    refused(bad, "too many steps");
    bad = {};
    bad.rank_pattern = {{"(?i)q_proj", 3}};  // PEFT puts it behind (.*\.)?
    refused(bad, "flags for the whole are not at its beginning");
}

TEST_CASE("adapters: patterns of ranks are read as PEFT puts them together") {
    const ModelConfig config = small_config();
    LoraConfig lora;
    lora.rank_pattern = {{"(?P<layer>0)\\..*_proj", 2}, {"(?<=1\\.mlp\\.)up_proj", 3}, {"k_proj|v_proj", 4}};
    for (const LoraModule& module : modules_of(config, lora)) {
        const std::string& name = module.linear.name;
        const bool is_first = name.starts_with("model.layers.0."), is_up = name.ends_with("up_proj"),
                   is_key_or_value = name.ends_with("k_proj") || name.ends_with("v_proj");
        CAPTURE(name);
        CHECK(module.rank == (is_first ? 2 : is_up ? 3 : is_key_or_value ? 4 : 16));
    }
}
