#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "model/rope_table.h"
#include "reference/differences.h"
#include "reference/featured_models.h"
#include "reference/poisoning_backend.h"
#include "reference/random_bin.h"
#include "reference/random_model.h"
#include "support/forwarding_backend.h"

using namespace wishbone;
using namespace wishbone::reference;

namespace {

ModelConfig small_config(bool tied, std::int64_t layers = 2) {
    ModelConfig config;
    config.vocab_size = 29;
    config.hidden_size = 24;
    config.intermediate_size = 40;
    config.layers = layers;
    config.query_heads = 4;
    config.kv_heads = 2;
    config.head_dim = 8;  // hidden_size / query_heads is 6: they need not agree
    config.max_position_embeddings = 256;
    config.tie_word_embeddings = tied;
    return config;
}

constexpr std::int64_t expected_length = 200;

struct Fixture {
    Fixture(const ModelConfig& the_config, unsigned seed, RecomputePlan recompute = Recompute::none)
        : config(the_config),
          random(seed),
          backend(make_cpu_backend(2)),
          weights(random_weights(random, config)),
          parameters(backend, config, DType::f32),
          model(backend, config, recompute) {
        model.expect_length(expected_length);
        upload(backend, parameters, weights);
    }

    ModelConfig config;
    std::mt19937 random;
    PoisoningBackend backend;
    Weights weights;
    Parameters parameters;
    Transformer model;

    struct Result {
        std::vector<float> logps;
        Weights gradients;
    };
    Result run(const OwnedBin& bin, const std::vector<double>& weight) {
        Parameters gradients(backend, config, DType::f32);
        const auto prepared = model.prepare(bin.view());
        Result result;
        result.logps = model.forward(parameters, *prepared, true);
        model.backward(parameters, gradients, *prepared, std::vector<float>(weight.begin(), weight.end()));
        result.gradients = download(backend, gradients);
        return result;
    }
};

/// Targets' log-probabilities, sequence by sequence, from the plain double model.
std::vector<double> reference_logps(const ModelConfig& config, const Weights& weights,
                                    const std::vector<Sequence>& sequences) {
    std::vector<double> all;
    for (const Sequence& sequence : sequences) {
        const std::vector<double> part =
            logps(config, weights, sequence.tokens, sequence.start, expected_length);
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

/// How often each operation was asked for.
class CountedOperations final : public test::ForwardingBackend {
  public:
    using ForwardingBackend::ForwardingBackend;

    std::map<std::string, std::int64_t> operations;

  private:
    void around(const std::string& name, const std::function<void()>& operation) override {
        ++operations[name];
        operation();
    }
};

}  // namespace

TEST_CASE("the whole model's gradient agrees with central differences of the double model") {
    unsigned seed = 11;
    for (const auto& [name_of_config, config] : featured_models(small_config(false, 2))) {
        CAPTURE(name_of_config);
        Fixture fixture(config, seed++);
        const RandomBin bin(
            fixture.random,
            {.trees = 2, .deepest = 3, .most_children = 2, .longest_segment = 5, .vocabulary = 29});
        const std::vector<double> weight = random_values(fixture.random, bin.shared.target_row.size());
        const Fixture::Result result = fixture.run(bin.shared, weight);
        CHECK(relative_difference(result.logps,
                                  reference_logps(fixture.config, fixture.weights, bin.sequences)) < 2e-6);

        Weights moved = fixture.weights;
        const auto loss = [&] { return dot(weight, reference_logps(fixture.config, moved, bin.sequences)); };
        for (const auto& [name, gradient] : result.gradients) {
            CAPTURE(name);
            std::vector<double>& values = moved.at(name);
            const double size = std::sqrt(dot(gradient, gradient));
            REQUIRE(size > 0);
            // A key's bias moves all scores of a query by nearly the same, which the softmax takes out again:
            // its gradient is small differences of large numbers, whose rounding depends on the processor (OpenBLAS has other kernels for
            // Sapphire Rapids than for older ones, and 7e-5 here).
            const double close = name.ends_with("k_proj.bias") ? 1e-4 : 2e-5;
            for (int i = 0; i < 2; ++i) {
                const std::vector<double> direction = random_values(fixture.random, values.size());
                CHECK(std::abs(dot(gradient, direction) - slope(loss, values, direction)) < close * size);
            }
            // Along the gradient itself the slope is its length: nothing can be missing or scaled.
            std::vector<double> unit = gradient;
            for (double& value : unit) value /= size;
            CHECK(slope(loss, values, unit) == doctest::Approx(size).epsilon(1e-5));
            for (int i = 0; i < 4; ++i) {
                std::vector<double> one(values.size(), 0.0);
                const std::size_t at =
                    std::uniform_int_distribution<std::size_t>(0, values.size() - 1)(fixture.random);
                one[at] = 1;
                CHECK(std::abs(gradient[at] - slope(loss, values, one)) < close * size);
            }
        }
    }
}

TEST_CASE("shared trees give the log-probabilities and gradients of naive pairing") {
    for (unsigned seed = 1; seed <= 6; ++seed) {
        CAPTURE(seed);
        const bool tied = seed % 2 == 0;
        ModelConfig config = small_config(tied, seed % 3 + 1);
        if (seed == 5) config.ropes[0].scaling = Llama3RopeScaling{8.0, 1.0, 4.0, 64};
        Fixture fixture(config, seed);
        const RandomBin bin(fixture.random, {.trees = 3,
                                             .deepest = static_cast<int>(seed % 4) + 2,
                                             .most_children = 3,
                                             .longest_segment = seed < 4 ? 9 : 40,
                                             .vocabulary = 29});
        const OwnedBin naive = bin.naive();
        REQUIRE(naive.tokens.size() > bin.shared.tokens.size());
        const std::vector<double> weight = random_values(fixture.random, bin.shared.target_row.size());
        const Fixture::Result shared = fixture.run(bin.shared, weight), plain = fixture.run(naive, weight);
        CHECK(relative_difference(shared.logps, plain.logps) < 1e-5);
        for (const auto& [name, gradient] : plain.gradients) {
            CAPTURE(name);
            CHECK(relative_difference(shared.gradients.at(name), gradient) < 1e-5);
        }
    }
}

TEST_CASE("shared trees give the log-probabilities and gradients of naive pairing, with every feature") {
    unsigned seed = 100;
    for (const auto& [name_of_config, config] : featured_models(small_config(false, 3))) {
        CAPTURE(name_of_config);
        Fixture fixture(config, seed++);
        for (const int longest : {9, 40}) {
            const RandomBin bin(
                fixture.random,
                {.trees = 3, .deepest = 4, .most_children = 3, .longest_segment = longest, .vocabulary = 29});
            const std::vector<double> weight = random_values(fixture.random, bin.shared.target_row.size());
            const Fixture::Result shared = fixture.run(bin.shared, weight),
                                  plain = fixture.run(bin.naive(), weight);
            CHECK(relative_difference(shared.logps, plain.logps) < 1e-5);
            for (const auto& [name, gradient] : plain.gradients) {
                CAPTURE(name);
                CHECK(relative_difference(shared.gradients.at(name), gradient) < 1e-5);
            }
        }
    }
}

TEST_CASE("a target on a shared response prefix counts for both of its sequences") {
    Fixture fixture(small_config(false), 21);
    // Prompt of 3, a response prefix of 2 common to both, then 2 and 1 tokens of their own.
    OwnedBin bin;
    bin.tokens = {1, 2, 3, 4, 5, 6, 7, 8};
    bin.position = {0, 1, 2, 3, 4, 5, 6, 5};
    bin.visible_until = {8, 8, 8, 8, 8, 7, 7, 8};
    bin.target_row = {2, 3, 4, 5, 2, 3, 4};
    bin.target_token = {4, 5, 6, 7, 4, 5, 8};
    bin.target_sequence = {0, 0, 0, 0, 1, 1, 1};
    const std::vector<Sequence> sequences{{{1, 2, 3, 4, 5, 6, 7}, {}, 3}, {{1, 2, 3, 4, 5, 8}, {}, 3}};
    const Fixture::Result both = fixture.run(bin, {1, 1, 1, 1, -1, -1, -1});
    CHECK(relative_difference(both.logps, reference_logps(fixture.config, fixture.weights, sequences)) <
          2e-6);
    // The common targets cancel, as they do in DPO's margin.
    const Fixture::Result own = fixture.run(bin, {0, 0, 1, 1, 0, 0, -1});
    for (const auto& [name, gradient] : own.gradients)
        CHECK(relative_difference(both.gradients.at(name), gradient) < 1e-5);
    const Fixture::Result twice = fixture.run(bin, {2, 0, 0, 0, 0, 0, 0}),
                          once = fixture.run(bin, {1, 0, 0, 0, 1, 0, 0});
    for (const auto& [name, gradient] : twice.gradients)
        CHECK(relative_difference(once.gradients.at(name), gradient) < 1e-5);
}

TEST_CASE("bins of any size after one another, and passes that do not keep, leave no trace") {
    Fixture fixture(small_config(false, 3), 31);
    std::vector<RandomBin> bins;
    for (const int trees : {6, 1, 3})
        bins.emplace_back(
            fixture.random,
            RandomTrees{
                .trees = trees, .deepest = 3, .most_children = 3, .longest_segment = 20, .vocabulary = 29});
    Parameters gradients(fixture.backend, fixture.config, DType::f32);
    std::vector<Weights> alone;
    for (const RandomBin& bin : bins) {
        const std::vector<double> weight(bin.shared.target_row.size(), 1.0);
        Transformer fresh(fixture.backend, fixture.config);
        const auto alone_bin = fresh.prepare(bin.shared.view());
        const std::vector<float> expected = fresh.forward(fixture.parameters, *alone_bin, true);
        Parameters alone_gradients(fixture.backend, fixture.config, DType::f32);
        fresh.backward(fixture.parameters, alone_gradients, *alone_bin,
                       std::vector<float>(weight.begin(), weight.end()));

        const auto prepared = fixture.model.prepare(bin.shared.view());
        const auto other = fixture.model.prepare(bins[0].shared.view());
        const std::vector<float> kept = fixture.model.forward(fixture.parameters, *prepared, true);
        fixture.model.forward(fixture.parameters, *other, false);
        CHECK(fixture.model.forward(fixture.parameters, *prepared, false) == kept);
        CHECK(kept == expected);
        Parameters own(fixture.backend, fixture.config, DType::f32);
        fixture.model.backward(fixture.parameters, own, *prepared,
                               std::vector<float>(weight.begin(), weight.end()));
        CHECK(download(fixture.backend, own) == download(fixture.backend, alone_gradients));
    }
}

TEST_CASE("what is computed again is the same to the last bit") {
    std::vector<FeaturedModel> configs = featured_models(small_config(false, 3));
    configs.push_back({"one layer", small_config(false, 1)});
    configs.push_back({"five layers", small_config(false, 5)});
    for (const auto& [name_of_config, config] : configs) {
        CAPTURE(name_of_config);
        Fixture keeps(config, 31);
        std::vector<std::unique_ptr<Fixture>> others;
        for (std::int64_t level = 0; level <= most_recompute(config.layers); ++level)
            others.push_back(
                std::make_unique<Fixture>(config, 31, RecomputePlan::of_level(level, config.layers)));
        for (const RecomputePlan plan : {RecomputePlan(Recompute::mlp), RecomputePlan(Recompute::block),
                                         RecomputePlan(1, 1), RecomputePlan(1, 0)})
            others.push_back(std::make_unique<Fixture>(config, 31, plan));
        for (const int longest : {9, 3, 12}) {  // memory is used again by bins of other sizes
            const RandomBin bin(keeps.random, {.longest_segment = longest, .vocabulary = 29});
            const std::vector<double> weight = random_values(keeps.random, bin.shared.target_row.size());
            const Fixture::Result expected = keeps.run(bin.shared, weight);
            for (const auto& fixture : others) {
                const Fixture::Result result = fixture->run(bin.shared, weight);
                CHECK(result.logps == expected.logps);
                CHECK(result.gradients == expected.gradients);
            }
        }
    }
}

TEST_CASE("gradients add up over bins") {
    Fixture fixture(small_config(true), 41);
    const RandomBin first(fixture.random, {.trees = 2, .vocabulary = 29}),
        second(fixture.random, {.trees = 1, .vocabulary = 29});
    Parameters total(fixture.backend, fixture.config, DType::f32);
    Weights expected;
    for (const RandomBin* bin : {&first, &second}) {
        const std::vector<double> weight = random_values(fixture.random, bin->shared.target_row.size());
        const Fixture::Result one = fixture.run(bin->shared, weight);
        for (const auto& [name, gradient] : one.gradients) {
            expected[name].resize(gradient.size());
            for (std::size_t i = 0; i < gradient.size(); ++i) expected[name][i] += gradient[i];
        }
        const auto prepared = fixture.model.prepare(bin->shared.view());
        fixture.model.forward(fixture.parameters, *prepared, true);
        fixture.model.backward(fixture.parameters, total, *prepared,
                               std::vector<float>(weight.begin(), weight.end()));
    }
    for (const auto& [name, gradient] : download(fixture.backend, total))
        CHECK(relative_difference(gradient, expected.at(name)) < 1e-5);
}

TEST_CASE("a gradient that is written is, to the bit, one that is added to zeros") {
    unsigned seed = 43;
    for (const auto& [name_of_config, config] : featured_models(small_config(false, 3)))
        for (const bool tied : {false, true}) {
            CAPTURE(name_of_config);
            CAPTURE(tied);
            ModelConfig own = config;
            own.tie_word_embeddings = tied;
            Fixture fixture(own, seed++);
            const RandomBin first(fixture.random, {.trees = 2, .vocabulary = 29}),
                second(fixture.random, {.trees = 1, .vocabulary = 29});
            Parameters written(fixture.backend, own, DType::f32), added(fixture.backend, own, DType::f32);
            poison(fixture.backend, written);
            for (const RandomBin* bin : {&first, &second}) {
                const std::vector<double> values =
                    random_values(fixture.random, bin->shared.target_row.size());
                const std::vector<float> weight(values.begin(), values.end());
                for (Parameters* gradients : {&written, &added}) {
                    GradientView to(*gradients);
                    to.adds = gradients == &added || bin == &second;
                    const auto prepared = fixture.model.prepare(bin->shared.view());
                    fixture.model.forward(fixture.parameters, *prepared, true);
                    fixture.model.backward(fixture.parameters, to, *prepared, weight);
                }
                CHECK(download(fixture.backend, written) == download(fixture.backend, added));
            }
        }
}

TEST_CASE("a bin without targets costs nothing and changes nothing") {
    Fixture fixture(small_config(false), 51);
    OwnedBin bin;
    bin.tokens = {1, 2};
    bin.position = {0, 1};
    bin.visible_until = {2, 2};
    const Fixture::Result result = fixture.run(bin, {});
    CHECK(result.logps.empty());
    for (const auto& [name, gradient] : result.gradients) CHECK(dot(gradient, gradient) == 0);
}

TEST_CASE("misuse is refused") {
    Fixture fixture(small_config(false), 61);
    const RandomBin random_bin(fixture.random, {.vocabulary = 29});
    Parameters gradients(fixture.backend, fixture.config, DType::f32);
    const auto bin = fixture.model.prepare(random_bin.shared.view());
    const std::vector<float> weight(random_bin.shared.target_row.size(), 1.0f);
    CHECK_THROWS(fixture.model.backward(fixture.parameters, gradients, *bin, weight));
    fixture.model.forward(fixture.parameters, *bin, false);
    CHECK_THROWS(fixture.model.backward(fixture.parameters, gradients, *bin, weight));
    fixture.model.forward(fixture.parameters, *bin, true);
    CHECK_THROWS(fixture.model.backward(fixture.parameters, gradients, *bin, std::vector<float>(1)));
    // Nothing would write it.
    OwnedBin none = random_bin.shared;
    none.target_row.clear();
    none.target_token.clear();
    const auto without = fixture.model.prepare(none.view());
    fixture.model.forward(fixture.parameters, *without, true);
    GradientView written(gradients);
    written.adds = false;
    CHECK_THROWS(fixture.model.backward(fixture.parameters, written, *without, {}));
    OwnedBin broken = random_bin.shared;
    broken.tokens[0] = 29;
    CHECK_THROWS(fixture.model.prepare(broken.view()));
    broken = random_bin.shared;
    broken.target_row[0] = static_cast<std::int32_t>(broken.tokens.size());
    CHECK_THROWS(fixture.model.prepare(broken.view()));
    broken = random_bin.shared;
    broken.position[0] = -1;
    CHECK_THROWS(fixture.model.prepare(broken.view()));
}

TEST_CASE("logits agree with the double model") {
    for (const bool tied : {false, true}) {
        ModelConfig config = small_config(tied, 3);
        if (tied) config.ropes[0].scaling = Llama3RopeScaling{32.0, 1.0, 4.0, 128};
        Fixture fixture(config, 71);
        std::vector<std::int32_t> tokens;
        for (int i = 0; i < 90; ++i) tokens.push_back((i * 17 + i / 3) % 29);
        CHECK(relative_difference(fixture.model.logits(fixture.parameters, tokens),
                                  logits(config, fixture.weights, tokens, expected_length)) < 1e-5);
        CHECK(fixture.model.logits(fixture.parameters, {}).empty());
    }
}

TEST_CASE("rope frequencies of both kinds") {
    ModelConfig config = small_config(false);
    config.head_dim = 64;
    config.ropes[0].theta = 500000.0;
    for (const bool scaled : {false, true}) {
        if (scaled) config.ropes[0].scaling = Llama3RopeScaling{8.0, 1.0, 4.0, 8192};
        const RopeTable table = rope_table(config, config.ropes[0], 0, 1000);
        for (const std::int64_t position : {0, 1, 999})
            for (std::int64_t i = 0; i < 32; ++i) {
                const double angle = rope_angle(config, config.ropes[0], 0, position, i);
                const auto at = static_cast<std::size_t>(position * 32 + i);
                CHECK(std::abs(static_cast<double>(table.cos[at]) - std::cos(angle)) < 1e-7);
                CHECK(std::abs(static_cast<double>(table.sin[at]) - std::sin(angle)) < 1e-7);
            }
    }
    // Published for Llama 3.1 (head 128, theta 500000): pairs 0 to 28 stay, the slowest pair turns eight
    // times slower.
    config.head_dim = 128;
    const std::vector<double> frequencies = rope_frequencies(config, config.ropes[0], 0);
    CHECK(frequencies[0] == doctest::Approx(1.0));
    CHECK(frequencies[63] == doctest::Approx(std::pow(500000.0, -126.0 / 128) / 8));
}

TEST_CASE("RoPE is an operation of its own only behind norms and biases of heads, and never backwards") {
    unsigned seed = 71;
    for (const auto& [name, config] : featured_models(small_config(false, 3))) {
        CAPTURE(name);
        std::mt19937 random(seed++);
        CountedOperations backend(make_cpu_backend(1));
        Parameters parameters(backend, config, DType::f32), gradients(backend, config, DType::f32);
        upload(backend, parameters, random_weights(random, config));
        Transformer model(backend, config, Recompute::none);
        model.expect_length(expected_length);
        const RandomBin bin(random, {.vocabulary = 29});
        const auto prepared = model.prepare(bin.shared.view());
        const bool apart = config.qk_norm != QkNorm::none || config.qkv_bias;
        std::int64_t with_rope = 0;
        for (std::int64_t i = 0; i < config.layers; ++i)
            with_rope += config.kind_of(i).rope != LayerKind::no_rope;
        REQUIRE(with_rope > 0);
        backend.operations.clear();
        (void)model.forward(parameters, *prepared, true);
        CHECK(backend.operations["rope"] == (apart ? with_rope : 0));
        const std::vector<float> weight(bin.shared.target_row.size(), 1.0f);
        model.backward(parameters, gradients, *prepared, weight);
        CHECK(backend.operations["attention backward"] == config.layers);
        CHECK(backend.operations["rope backward"] == 0);
    }
}

TEST_CASE("parameters: names, views of fused matrices, weight decay") {
    const ModelConfig config = small_config(false);
    const auto backend = make_cpu_backend(1);
    const Parameters parameters(*backend, config, DType::f32);
    std::map<std::string, std::vector<std::int64_t>> shapes;
    for (const ParameterShape& parameter : parameter_shapes(config)) shapes[parameter.name] = parameter.shape;
    CHECK(parameters.named().size() == shapes.size());
    for (const NamedTensor& named : parameters.named()) {
        CAPTURE(named.name);
        const std::vector<std::int64_t>& shape = shapes.at(named.name);
        CHECK(named.tensor.rank == static_cast<int>(shape.size()));
        for (std::size_t i = 0; i < shape.size(); ++i) CHECK(named.tensor.shape[i] == shape[i]);
        CHECK(named.decays == (shape.size() == 2));
    }
    CHECK(backend->sum_of_squares(parameters.flat()) == 0);
    const Parameters tied(*backend, small_config(true), DType::f32);
    CHECK(tied.head.data == tied.embedding.data);
}
