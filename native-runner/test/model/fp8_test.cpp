#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "core/error.h"
#include "model/key_value_cache.h"
#include "reference/differences.h"
#include "reference/fp8_backend.h"
#include "reference/poisoning_backend.h"
#include "reference/random_bin.h"
#include "reference/random_model.h"

using namespace wishbone;
using namespace wishbone::reference;

// How the transformer uses FP8, on a CPU that computes what a GPU is to give (reference/fp8_backend.h).

namespace {

ModelConfig config_of(bool biased, bool normed_behind) {
    ModelConfig config;
    config.vocab_size = 29;
    config.hidden_size = 48;
    config.intermediate_size = 80;
    config.layers = 3;
    config.query_heads = 4;
    config.kv_heads = 2;
    config.head_dim = 16;
    config.max_position_embeddings = 256;
    config.qkv_bias = config.mlp_bias = biased;
    if (normed_behind) config.norms = {"", "post_attention_layernorm", "", "post_feedforward_layernorm"};
    return config;
}

/// Of three layers, of which the last is never computed again.
const RecomputePlan recomputed[] = {
    Recompute::none, Recompute::mlp, Recompute::block, {0, 1}, {1, 1}, {1, 0},
};

struct Result {
    std::vector<float> logps, again;  ///< of a pass that keeps, and of one that does not
    Weights gradients;
    std::vector<float> next;  ///< logits behind three tokens, with adapters
};

/// With adapters, all parameters are frozen: `in_fp8_alone`, or there as they are.
Result run(Backend& backend, const ModelConfig& config, const Weights& weights, const BinView& view,
           Precision precision, RecomputePlan recompute, const std::optional<LoraConfig>& lora = std::nullopt,
           bool in_fp8_alone = false) {
    Transformer transformer(backend, config, recompute, precision);
    transformer.expect_length(200);
    const Parameters parameters =
        in_fp8_alone ? Parameters(backend, config, FrozenInFp8()) : Parameters(backend, config, DType::f32);
    Parameters gradients(backend, config, DType::f32);
    upload(backend, parameters, weights);
    Result result;
    const auto pass = [&](const ModelView& model, const GradientView& to) {
        const auto bin = transformer.prepare(view);
        result.logps = transformer.forward(model, *bin, true);
        std::vector<float> weight(result.logps.size());
        for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = i % 3 == 0 ? -0.7f : 0.4f;
        transformer.backward(model, to, *bin, weight);
        result.again = transformer.forward(model, *transformer.prepare(view), false);
    };
    if (!lora) {
        pass(parameters, gradients);
        result.gradients = download(backend, gradients);
        poison(backend, gradients);
        GradientView written(gradients);
        written.adds = false;
        pass(parameters, written);
        CHECK(download(backend, gradients) == result.gradients);
        return result;
    }
    const std::vector<LoraModule> modules = lora_modules(config, *lora, "test");
    Lora adapter(backend, config, modules, DType::f32), d_adapter(backend, config, modules, DType::f32);
    std::mt19937 random(7);
    for (const NamedTensor& named : adapter.named()) {
        std::vector<float> values(static_cast<std::size_t>(named.tensor.size()));
        std::normal_distribution<float> normal(0, 0.2f);
        for (float& value : values) value = normal(random);
        backend.upload(named.tensor, values.data());
    }
    pass({parameters, &adapter}, d_adapter);
    result.gradients = download(backend, d_adapter);
    // As a sample is drawn.
    KeyValueCache cache(backend, config, 8);
    result.next = transformer.next_logits({parameters, &adapter}, cache, std::vector<std::int32_t>{3, 1, 4});
    return result;
}

double off(const std::vector<float>& a, const std::vector<float>& b) {
    double squares = 0, all = 0;
    for (std::size_t i = 0; i < b.size(); ++i) {
        squares += std::pow(static_cast<double>(a.at(i)) - static_cast<double>(b[i]), 2);
        all += std::pow(static_cast<double>(b[i]), 2);
    }
    return std::sqrt(squares / all);
}
double off(const Weights& a, const Weights& b) {
    double squares = 0, all = 0;
    for (const auto& [name, expected] : b)
        for (std::size_t i = 0; i < expected.size(); ++i) {
            squares += std::pow(a.at(name).at(i) - expected[i], 2);
            all += std::pow(expected[i], 2);
        }
    return std::sqrt(squares / all);
}

LoraConfig adapters_on(std::vector<std::string> modules) {
    LoraConfig lora;
    lora.r = 4;
    lora.lora_alpha = 8;
    lora.target_modules = std::move(modules);
    return lora;
}

}  // namespace

TEST_CASE(
    "FP8 whose numbers are not rounded gives what there is without it, however the layers are computed") {
    for (const bool biased : {false, true})
        for (const bool normed_behind : {false, true})
            for (const auto& lora : std::vector<std::optional<LoraConfig>>{
                     std::nullopt,
                     adapters_on({"q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}),
                     adapters_on({"q_proj"}), adapters_on({"down_proj"})})
                for (const RecomputePlan recompute : recomputed) {
                    std::mt19937 random(3);
                    const ModelConfig config = config_of(biased, normed_behind);
                    const Weights weights = random_weights(random, config);
                    const RandomBin bin(random, {.trees = 2,
                                                 .deepest = 3,
                                                 .most_children = 2,
                                                 .longest_segment = 7,
                                                 .vocabulary = 29});
                    CAPTURE(biased);
                    CAPTURE(normed_behind);
                    CAPTURE(recompute.block_layers);
                    CAPTURE(recompute.mlp_layers);
                    const auto cpu = make_cpu_backend(1);
                    const Result expected =
                        run(*cpu, config, weights, bin.shared.view(), Precision::bf16, recompute, lora);
                    Fp8Backend backend(false);
                    const Result result =
                        run(backend, config, weights, bin.shared.view(), Precision::fp8, recompute, lora);
                    CHECK(result.again == result.logps);
                    CHECK(off(result.logps, expected.logps) < 1e-5);
                    CHECK(off(result.gradients, expected.gradients) < 1e-4);
                    if (!lora) continue;
                    const Result alone = run(backend, config, weights, bin.shared.view(), Precision::fp8,
                                             recompute, lora, true);
                    CHECK(alone.again == alone.logps);
                    CHECK(off(alone.logps, expected.logps) < 1e-5);
                    CHECK(off(alone.gradients, expected.gradients) < 1e-4);
                    CHECK(off(alone.next, expected.next) < 1e-5);
                }
}

TEST_CASE("frozen weights that are in FP8 alone give what those do that are quantised for each pass") {
    std::mt19937 random(6);
    const RandomBin bin(
        random, {.trees = 3, .deepest = 3, .most_children = 2, .longest_segment = 9, .vocabulary = 29});
    for (const auto& lora : {adapters_on({"q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}),
                             adapters_on({"q_proj"})}) {
        const ModelConfig config = config_of(true, false);
        Weights weights = random_weights(random, config);
        for (auto& [name, values] : weights)
            for (double& value : values)
                if (name.find("norm") == std::string::npos)
                    value = static_cast<double>(static_cast<float>(value / 2));
        const auto cpu = make_cpu_backend(1);
        const Result exact =
            run(*cpu, config, weights, bin.shared.view(), Precision::bf16, Recompute::none, lora);
        std::optional<Result> first;
        for (const RecomputePlan recompute : recomputed) {
            Fp8Backend backend(true);
            const Result each =
                run(backend, config, weights, bin.shared.view(), Precision::fp8, recompute, lora);
            const Result alone =
                run(backend, config, weights, bin.shared.view(), Precision::fp8, recompute, lora, true);
            // Of the same numbers: to the last bit. Gradients go through weights rounded by rows, not by columns.
            CHECK(alone.logps == each.logps);
            CHECK(alone.again == each.logps);
            CHECK(off(alone.gradients, each.gradients) > 0);
            CHECK(off(alone.gradients, exact.gradients) < 1.25 * off(each.gradients, exact.gradients));
            if (!first) {
                first = alone;
                MESSAGE("gradients ", off(alone.gradients, exact.gradients),
                        " from f32, where both are kept ", off(each.gradients, exact.gradients));
            }
            CHECK(alone.gradients == first->gradients);
        }
    }
}

TEST_CASE("rounded to FP8, passes agree to the last bit, and are as far off as such numbers are") {
    std::mt19937 random(4);
    const ModelConfig config = config_of(false, false);
    // Small enough that errors do not grow from layer to layer.
    Weights weights = random_weights(random, config);
    for (auto& [name, values] : weights)
        for (double& value : values)
            if (name.find("norm") == std::string::npos)
                value = static_cast<double>(static_cast<float>(value / 2));
    const RandomBin bin(
        random, {.trees = 3, .deepest = 3, .most_children = 2, .longest_segment = 9, .vocabulary = 29});
    const auto cpu = make_cpu_backend(1);
    const Result exact = run(*cpu, config, weights, bin.shared.view(), Precision::bf16, Recompute::none);
    std::optional<Result> first;
    for (const RecomputePlan recompute : recomputed) {
        Fp8Backend backend(true);
        const Result result = run(backend, config, weights, bin.shared.view(), Precision::fp8, recompute);
        CHECK(result.again == result.logps);
        if (!first) {
            first = result;
            MESSAGE("log-probabilities ", off(result.logps, exact.logps), " from f32, gradient ",
                    off(result.gradients, exact.gradients));
            CHECK(off(result.logps, exact.logps) > 1e-3);
            CHECK(off(result.logps, exact.logps) < 0.1);
            CHECK(off(result.gradients, exact.gradients) < 0.4);
        }
        CHECK(result.logps == first->logps);
        CHECK(result.gradients == first->gradients);
    }
}

TEST_CASE("FP8 is refused where it cannot be had") {
    const auto cpu = make_cpu_backend(1);
    Fp8Backend backend(true);
    CHECK_THROWS_AS(Transformer(*cpu, config_of(false, false), Recompute::none, Precision::fp8), Error);
    CHECK_NOTHROW(check_precision(backend, config_of(false, false), Precision::fp8, "here"));
    ModelConfig odd = config_of(false, false);
    odd.intermediate_size = 72;
    CHECK_THROWS_AS(check_precision(backend, odd, Precision::fp8, "here"), Error);
    CHECK_NOTHROW(check_precision(backend, odd, Precision::bf16, "here"));
}
