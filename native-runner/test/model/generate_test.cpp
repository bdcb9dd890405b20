#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "core/error.h"
#include "model/generation/generate.h"
#include "reference/differences.h"
#include "reference/featured_models.h"
#include "reference/poisoning_backend.h"
#include "reference/random_model.h"

using namespace wishbone;
using namespace wishbone::reference;

namespace {

ModelConfig small_config() {
    ModelConfig config;
    config.vocab_size = 29;
    config.hidden_size = 24;
    config.intermediate_size = 40;
    config.layers = 3;
    config.query_heads = 4;
    config.kv_heads = 2;
    config.head_dim = 8;
    config.max_position_embeddings = 256;
    return config;
}

}  // namespace

TEST_CASE("logits with a cache are those of the double model over the whole sequence, for every feature") {
    unsigned seed = 1;
    for (const auto& [name, config] : featured_models(small_config())) {
        CAPTURE(name);
        std::mt19937 random(seed++);
        PoisoningBackend backend(make_cpu_backend(2));
        const Weights weights = random_weights(random, config);
        const Parameters parameters(backend, config, DType::f32);
        upload(backend, parameters, weights);
        Transformer model(backend, config);
        model.expect_length(40);
        KeyValueCache cache(backend, config, 40);
        std::vector<std::int32_t> tokens;
        for (const std::size_t count :
             {std::size_t{7}, std::size_t{1}, std::size_t{1}, std::size_t{5}, std::size_t{1}}) {
            std::vector<std::int32_t> next(count);
            for (std::int32_t& token : next)
                token = std::uniform_int_distribution<std::int32_t>(0, 28)(random);
            tokens.insert(tokens.end(), next.begin(), next.end());
            const std::vector<double> all = logits(config, weights, tokens, 40);
            const std::vector<double> last(all.end() - config.vocab_size, all.end());
            CHECK(relative_difference(model.next_logits(parameters, cache, next), last) < 3e-6);
            CHECK(cache.length == static_cast<std::int64_t>(tokens.size()));
        }
        CHECK_THROWS_AS(model.next_logits(parameters, cache, std::vector<std::int32_t>(100, 1)), Error);
    }
}

TEST_CASE("greedy completions are those of whole passes; end tokens end them, seeds repeat them") {
    std::mt19937 random(5);
    const ModelConfig config = small_config();
    PoisoningBackend backend(make_cpu_backend(2));
    const Parameters parameters(backend, config, DType::f32);
    upload(backend, parameters, random_weights(random, config));
    Transformer model(backend, config);
    model.expect_length(60);
    const std::vector<std::int32_t> prompt = {3, 1, 4, 1, 5};
    const auto never = [] { return false; };
    SamplingOptions options;
    options.max_new_tokens = 30;
    std::vector<std::int32_t> sequence = prompt, expected;
    for (int i = 0; i < 30; ++i) {
        const std::vector<float> all = model.logits(parameters, sequence);
        const auto row = all.end() - config.vocab_size;
        expected.push_back(static_cast<std::int32_t>(std::max_element(row, all.end()) - row));
        sequence.push_back(expected.back());
    }
    CHECK(generate(backend, model, parameters, prompt, options, never) == expected);
    int asked = 0;
    CHECK(generate(backend, model, parameters, prompt, options, [&] { return asked++ == 7; }) ==
          std::vector<std::int32_t>(expected.begin(), expected.begin() + 7));
    // Two in turn, of different lengths, are what each is alone.
    const std::vector<std::int32_t> other = {2, 7};
    const auto alone = generate(backend, model, parameters, other, options, never);
    Transformer second(backend, config);
    second.expect_length(40);
    Generation one(backend, model, parameters, prompt, options),
        two(backend, second, parameters, other, options);
    while (!one.over() || !two.over()) {
        one.next();
        two.next();
    }
    CHECK(one.tokens() == expected);
    CHECK(two.tokens() == alone);
    options.end_tokens = {expected[4]};
    const auto first = std::ranges::find(expected, expected[4]);
    CHECK(generate(backend, model, parameters, prompt, options, never) ==
          std::vector<std::int32_t>(expected.begin(), first + 1));
    options.end_tokens = {};
    CHECK(generate(backend, model, parameters, prompt, options, [] { return true; }).empty());
    options.temperature = 1;
    options.seed = 3;
    const auto drawn = generate(backend, model, parameters, prompt, options, never);
    CHECK(generate(backend, model, parameters, prompt, options, never) == drawn);
    options.seed = 4;
    CHECK(generate(backend, model, parameters, prompt, options, never) != drawn);
}

TEST_CASE("drawn tokens have their probabilities, within top_p") {
    const std::vector<float> logits = {std::log(0.1f), std::log(0.5f), std::log(0.15f), std::log(0.25f)};
    const auto counts = [&](double temperature, double top_p) {
        SamplingOptions options;
        options.temperature = temperature;
        options.top_p = top_p;
        options.seed = 11;
        Sampler sampler(options);
        std::vector<double> count(4, 0.0);
        for (int i = 0; i < 40000; ++i) count[static_cast<std::size_t>(sampler.pick(logits))] += 1.0 / 40000;
        return count;
    };
    const auto close = [](const std::vector<double>& a, const std::vector<double>& b) {
        for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) < 0.012);
    };
    close(counts(1, 1), {0.1, 0.5, 0.15, 0.25});
    close(counts(1, 0.7), {0, 2.0 / 3, 0, 1.0 / 3});
    close(counts(1, 0.5), {0, 1, 0, 0});
    const double total = 0.01 + 0.25 + 0.0225 + 0.0625;
    close(counts(0.5, 1), {0.01 / total, 0.25 / total, 0.0225 / total, 0.0625 / total});
    close(counts(0, 1), {0, 1, 0, 0});
}
