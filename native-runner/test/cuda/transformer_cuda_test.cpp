#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "conformance/target.h"
#include "model/transformer/transformer.h"
#include "reference/differences.h"
#include "reference/featured_models.h"
#include "reference/poisoning_backend.h"
#include "reference/random_bin.h"
#include "reference/random_model.h"
#include "reference/rounding.h"

using namespace wishbone;
using namespace wishbone::reference;
using conformance::have_cuda;

// The whole model in bf16 on the GPU against the same model in f32 on the CPU, with weights that bf16 holds.
// What differs is the rounding of activations: about 2^-9 an operation, which adds up to a percent or two in
// the gradient of a few layers. A missing term or a wrong row is far outside.

namespace {

struct Shape {
    const char* name;
    ModelConfig config;
};

ModelConfig config_of(std::int64_t hidden, std::int64_t query_heads, std::int64_t kv_heads,
                      std::int64_t head_dim, bool tied, std::int64_t layers = 2) {
    ModelConfig config;
    config.vocab_size = 203;  // not a multiple of 8
    config.hidden_size = hidden;
    config.intermediate_size = 2 * hidden + 64;
    config.layers = layers;
    config.query_heads = query_heads;
    config.kv_heads = kv_heads;
    config.head_dim = head_dim;
    config.max_position_embeddings = 4096;
    config.tie_word_embeddings = tied;
    return config;
}

/// Weights that bf16 holds, small enough that rounding errors do not grow from layer to layer.
Weights weights_of(std::mt19937& random, const ModelConfig& config) {
    Weights weights = random_weights(random, config);
    const double shrink = std::sqrt(16.0 / static_cast<double>(config.hidden_size));
    for (auto& [name, values] : weights)
        for (double& value : values)
            value = to_bf16(name.find("norm") == std::string::npos ? value * shrink : value);
    return weights;
}

struct Model {
    Model(std::unique_ptr<Backend> inner, const ModelConfig& the_config, const Weights& weights)
        : backend(std::move(inner)),
          config(the_config),
          parameters(backend, config, backend.activation_dtype()),
          transformer(backend, config) {
        transformer.expect_length(4096);
        const Parameters exact(backend, config, DType::f32);
        upload(backend, exact, weights);
        backend.copy(parameters.flat(), exact.flat());
    }

    PoisoningBackend backend;
    ModelConfig config;
    Parameters parameters;
    Transformer transformer;

    struct Result {
        std::vector<float> logps;
        Weights gradients;
    };
    /// With an adapter, whose gradient it returns; the model below it is frozen.
    Result run(const OwnedBin& bin, const std::vector<double>& weight, const std::vector<LoraModule>& modules,
               const Weights& values) {
        const Lora exact(backend, config, modules, DType::f32);
        Lora adapter(backend, config, modules, backend.activation_dtype()),
            gradients(backend, config, modules, DType::f32);
        upload(backend, exact, values);
        backend.copy(adapter.flat(), exact.flat());
        const auto prepared = transformer.prepare(bin.view());
        Result result;
        result.logps = transformer.forward({parameters, &adapter}, *prepared, true);
        transformer.backward({parameters, &adapter}, gradients, *prepared,
                             std::vector<float>(weight.begin(), weight.end()));
        result.gradients = download(backend, gradients);
        return result;
    }
    /// The gradient written over whatever is there, unless the pass `adds` to zeros.
    Result run(const OwnedBin& bin, const std::vector<double>& weight, bool adds = true) {
        Parameters gradients(backend, config, DType::f32);
        GradientView to(gradients);
        to.adds = adds;
        if (!adds) poison(backend, gradients);
        const auto prepared = transformer.prepare(bin.view());
        Result result;
        result.logps = transformer.forward(parameters, *prepared, true);
        transformer.backward(parameters, to, *prepared, std::vector<float>(weight.begin(), weight.end()));
        result.gradients = download(backend, gradients);
        return result;
    }
};

std::unique_ptr<Backend> gpu(bool deterministic = false) {
    CudaOptions options;
    options.deterministic = deterministic;
    return make_cuda_backend(options);
}

/// Root of the mean square difference: log-probabilities are compared on their own scale.
double spread(const std::vector<float>& a, const std::vector<float>& b) {
    if (a.size() != b.size()) return INFINITY;
    double squares = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
        squares += difference * difference;
    }
    return std::sqrt(squares / static_cast<double>(std::max<std::size_t>(a.size(), 1)));
}

constexpr double logps_close = 0.03, gradients_close = 0.04;

}  // namespace

TEST_CASE("cuda: a gradient that is written is, to the bit, one that is added to zeros" *
          doctest::skip(!have_cuda())) {
    unsigned seed = 17;
    for (const bool tied : {true, false})
        for (const auto& [name, config] : reference::featured_models(config_of(256, 4, 2, 64, tied))) {
            CAPTURE(name);
            CAPTURE(tied);
            std::mt19937 random(seed++);
            Model model(gpu(), config, weights_of(random, config));
            const RandomBin bin(random, {.trees = 4, .longest_segment = 150, .vocabulary = 203});
            const std::vector<double> weight = random_values(random, bin.shared.target_row.size());
            const Model::Result added = model.run(bin.shared, weight),
                                written = model.run(bin.shared, weight, false);
            CHECK(written.gradients == added.gradients);
        }
}

TEST_CASE("cuda: the whole model agrees with the CPU's" * doctest::skip(!have_cuda())) {
    for (const auto& [name, config] : {Shape{"head 64, GQA, tied", config_of(256, 4, 2, 64, true)},
                                       Shape{"head 128, one KV head", config_of(128, 3, 1, 128, false)},
                                       Shape{"head 96, MHA", config_of(192, 2, 2, 96, false)},
                                       Shape{"head 256", config_of(256, 2, 1, 256, true)}}) {
        CAPTURE(name);
        std::mt19937 random(11);
        const Weights weights = weights_of(random, config);
        Model cpu(make_cpu_backend(0), config, weights), cuda(gpu(), config, weights);
        for (const int longest : {1, 9, 150}) {
            CAPTURE(longest);
            const RandomBin bin(random, {.trees = longest == 1 ? 40 : 4,
                                         .deepest = 4,
                                         .most_children = 3,
                                         .longest_segment = longest,
                                         .vocabulary = 203});
            for (const OwnedBin& owned : {bin.shared, bin.naive()}) {
                const std::vector<double> weight = random_values(random, owned.target_row.size());
                const Model::Result expected = cpu.run(owned, weight), result = cuda.run(owned, weight);
                CHECK(spread(result.logps, expected.logps) < logps_close);
                for (const auto& [parameter, gradient] : expected.gradients) {
                    CAPTURE(parameter);
                    CHECK(relative_difference(result.gradients.at(parameter), gradient) < gradients_close);
                }
            }
        }
    }
}

TEST_CASE("cuda: the features of every family give the CPU's numbers, shared as naive" *
          doctest::skip(!have_cuda())) {
    // A key's bias moves all scores of a query by nearly the same, which the softmax takes out again: its
    // gradient is small differences of large numbers, and rounding shows more.
    constexpr double features_close = 0.06;
    std::mt19937 random(14);
    for (const auto& [name, config] : featured_models(config_of(256, 4, 2, 64, false, 3))) {
        CAPTURE(name);
        const Weights weights = weights_of(random, config);
        Model cpu(make_cpu_backend(0), config, weights), cuda(gpu(), config, weights);
        for (const int longest : {9, 120}) {
            CAPTURE(longest);
            const RandomBin bin(random, {.trees = 3,
                                         .deepest = 4,
                                         .most_children = 3,
                                         .longest_segment = longest,
                                         .vocabulary = 203});
            const std::vector<double> weight = random_values(random, bin.shared.target_row.size());
            const Model::Result expected = cpu.run(bin.shared, weight);
            for (const OwnedBin& owned : {bin.shared, bin.naive()}) {
                const Model::Result result = cuda.run(owned, weight);
                CHECK(spread(result.logps, expected.logps) < logps_close);
                for (const auto& [parameter, gradient] : expected.gradients) {
                    CAPTURE(parameter);
                    CHECK(relative_difference(result.gradients.at(parameter), gradient) < features_close);
                }
            }
        }
    }
}

TEST_CASE("cuda: adapters on a frozen model give the CPU's numbers, shared as naive" *
          doctest::skip(!have_cuda())) {
    // bf16 costs PEFT 5 to 8 % of a gradient on a model of about this width: scripts/gpu/exactness.py --adapters.
    constexpr double adapted_logps_close = 0.05, adapters_close = 0.1;
    std::mt19937 random(15);
    LoraConfig some;
    some.r = 3;
    LoraConfig all;
    all.use_rslora = true;
    all.rank_pattern = {{"down_proj", 64}};
    for (const auto& [name, config] : featured_models(config_of(256, 4, 2, 64, false, 3))) {
        CAPTURE(name);
        const Weights weights = weights_of(random, config);
        if (config.fused_projections)
            some.target_modules = {"qkv_proj", "o_proj", "gate_up_proj"};
        else
            some.target_modules = {"v_proj", "o_proj", "up_proj"};
        Model cpu(make_cpu_backend(0), config, weights), cuda(gpu(), config, weights);
        for (const LoraConfig& lora : {all, some}) {
            const std::vector<LoraModule> modules = lora_modules(config, lora, "test");
            Weights adapter;
            for (const LoraModule& module : modules) {
                adapter[module.linear.name + ".lora_A.weight"] =
                    random_bf16(random, module.rank * module.linear.inputs, 0.06);
                adapter[module.linear.name + ".lora_B.weight"] =
                    random_bf16(random, module.linear.outputs * module.rank, 0.02);
            }
            const RandomBin bin(
                random,
                {.trees = 3, .deepest = 4, .most_children = 3, .longest_segment = 90, .vocabulary = 203});
            const std::vector<double> weight = random_values(random, bin.shared.target_row.size());
            const Model::Result expected = cpu.run(bin.shared, weight, modules, adapter);
            for (const OwnedBin& owned : {bin.shared, bin.naive()}) {
                const Model::Result result = cuda.run(owned, weight, modules, adapter);
                CHECK(spread(result.logps, expected.logps) < adapted_logps_close);
                for (const auto& [parameter, gradient] : expected.gradients) {
                    CAPTURE(parameter);
                    CHECK(relative_difference(result.gradients.at(parameter), gradient) < adapters_close);
                }
            }
        }
    }
}

TEST_CASE("cuda: shared trees give the log-probabilities and gradients of naive pairing" *
          doctest::skip(!have_cuda())) {
    const ModelConfig config = config_of(256, 4, 2, 64, false, 3);
    std::mt19937 random(21);
    const Weights weights = weights_of(random, config);
    Model cuda(gpu(), config, weights);
    for (const int longest : {5, 60, 200}) {
        CAPTURE(longest);
        const RandomBin bin(
            random,
            {.trees = 3, .deepest = 3, .most_children = 4, .longest_segment = longest, .vocabulary = 203});
        const std::vector<double> weight = random_values(random, bin.shared.target_row.size());
        const Model::Result shared = cuda.run(bin.shared, weight), plain = cuda.run(bin.naive(), weight);
        CHECK(spread(shared.logps, plain.logps) < logps_close);
        for (const auto& [parameter, gradient] : plain.gradients) {
            CAPTURE(parameter);
            CHECK(relative_difference(shared.gradients.at(parameter), gradient) < gradients_close);
        }
    }
}

TEST_CASE("cuda: bins after one another leave no trace, and everything is the same bits again" *
          doctest::skip(!have_cuda())) {
    const ModelConfig config = config_of(128, 4, 1, 64, true, 3);
    std::mt19937 random(31);
    const Weights weights = weights_of(random, config);
    Model cuda(gpu(true), config, weights);
    std::vector<RandomBin> bins;
    for (const int trees : {6, 1, 3})
        bins.emplace_back(
            random,
            RandomTrees{
                .trees = trees, .deepest = 3, .most_children = 3, .longest_segment = 70, .vocabulary = 203});
    for (const RandomBin& bin : bins) {
        const std::vector<double> weight = random_values(random, bin.shared.target_row.size());
        Model fresh(gpu(true), config, weights);
        const Model::Result alone = fresh.run(bin.shared, weight);
        const auto prepared = cuda.transformer.prepare(bin.shared.view()),
                   other = cuda.transformer.prepare(bins[0].shared.view());
        CHECK(cuda.transformer.forward(cuda.parameters, *prepared, true) == alone.logps);
        cuda.transformer.forward(cuda.parameters, *other, false);
        CHECK(cuda.transformer.forward(cuda.parameters, *prepared, false) == alone.logps);
        Parameters gradients(cuda.backend, config, DType::f32);
        cuda.transformer.backward(cuda.parameters, gradients, *prepared,
                                  std::vector<float>(weight.begin(), weight.end()));
        CHECK(download(cuda.backend, gradients) == alone.gradients);
    }
}

TEST_CASE("cuda: a bin of one token, and one without targets" * doctest::skip(!have_cuda())) {
    const ModelConfig config = config_of(128, 2, 1, 64, false, 1);
    std::mt19937 random(41);
    const Weights weights = weights_of(random, config);
    Model cpu(make_cpu_backend(0), config, weights), cuda(gpu(), config, weights);
    OwnedBin bin;
    bin.tokens = {17};
    bin.position = {0};
    bin.visible_until = {1};
    const Model::Result nothing = cuda.run(bin, {});
    CHECK(nothing.logps.empty());
    for (const auto& [parameter, gradient] : nothing.gradients) CHECK(dot(gradient, gradient) == 0);
    bin.target_row = {0, 0};
    bin.target_token = {5, 202};
    bin.target_sequence = {0, 1};
    const Model::Result expected = cpu.run(bin, {1.0, -0.5}), result = cuda.run(bin, {1.0, -0.5});
    CHECK(spread(result.logps, expected.logps) < logps_close);
    for (const auto& [parameter, gradient] : expected.gradients) {
        CAPTURE(parameter);
        // Attention over one key has no say in its weights: q and k get nothing but rounding.
        const double size = std::sqrt(dot(gradient, gradient));
        if (size > 1e-3)
            CHECK(relative_difference(result.gradients.at(parameter), gradient) < gradients_close);
    }
}

TEST_CASE("cuda: logits with a cache are those of whole passes, for every feature" *
          doctest::skip(!have_cuda())) {
    std::mt19937 random(61);
    for (const auto& [name, config] : featured_models(config_of(256, 4, 2, 64, false, 3))) {
        CAPTURE(name);
        const Weights weights = weights_of(random, config);
        Model cpu(make_cpu_backend(0), config, weights), cuda(gpu(), config, weights);
        KeyValueCache cache(cuda.backend, config, 200);
        std::vector<std::int32_t> tokens;
        for (const int count : {130, 1, 1, 17, 1}) {
            std::vector<std::int32_t> next;
            for (int i = 0; i < count; ++i)
                next.push_back(std::uniform_int_distribution<std::int32_t>(0, 202)(random));
            tokens.insert(tokens.end(), next.begin(), next.end());
            const std::vector<float> all = cpu.transformer.logits(cpu.parameters, tokens);
            const std::vector<float> last(all.end() - config.vocab_size, all.end());
            CHECK(relative_difference(cuda.transformer.next_logits(cuda.parameters, cache, next), last) <
                  0.03);
        }
    }
}

TEST_CASE("cuda: logits agree with the CPU's" * doctest::skip(!have_cuda())) {
    ModelConfig config = config_of(256, 4, 4, 64, false, 2);
    config.ropes[0].scaling = Llama3RopeScaling{32.0, 1.0, 4.0, 128};
    std::mt19937 random(51);
    const Weights weights = weights_of(random, config);
    Model cpu(make_cpu_backend(0), config, weights), cuda(gpu(), config, weights);
    std::vector<std::int32_t> tokens;
    for (int i = 0; i < 190; ++i) tokens.push_back((i * 17 + i / 3) % 203);
    CHECK(relative_difference(cuda.transformer.logits(cuda.parameters, tokens),
                              cpu.transformer.logits(cpu.parameters, tokens)) < 0.02);
    CHECK(cuda.transformer.logits(cuda.parameters, {}).empty());
}
