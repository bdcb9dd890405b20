// Time of a whole DPO step by phase, and the share of the machine's matrix product rate it reaches.
//   step_benchmark [30m|tiny] [shared|naive] [bins] [rounds] [threads]
// Pairs have the lengths of chat preference data. Required FLOPs count what the mathematics needs: linear
// layers 2 · weights · tokens (in the last layer, output projection, MLP and head on the rows that targets
// read), attention 4 · D · Hq a visible pair, the backward pass twice the forward. With one thread, time is
// CPU time.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "benchmark/timed_backend.h"
#include "model/transformer/transformer.h"
#include "reference/random_bin.h"

using namespace wishbone;

namespace {

struct Bin : reference::OwnedBin {
    /// A segment whose first token follows `parent` (a row, or -1), visible to the next `reach` tokens behind
    /// it too.
    std::int32_t add(std::mt19937& random, std::int32_t length, std::int32_t parent, std::int32_t reach,
                     std::int32_t vocabulary) {
        const auto begin = static_cast<std::int32_t>(tokens.size());
        for (std::int32_t i = 0; i < length; ++i) {
            tokens.push_back(std::uniform_int_distribution<std::int32_t>(0, vocabulary - 1)(random));
            position.push_back(i + (parent < 0 ? 0 : position[static_cast<std::size_t>(parent)] + 1));
            visible_until.push_back(begin + length + reach);
        }
        return begin;
    }

    void score(std::int32_t begin, std::int32_t end, std::int32_t parent, std::int32_t sequence) {
        for (std::int32_t i = begin; i < end; ++i) {
            target_row.push_back(i == begin ? parent : i - 1);
            target_token.push_back(tokens[static_cast<std::size_t>(i)]);
            target_sequence.push_back(sequence);
        }
    }
};

struct Pair {
    std::int32_t prompt, chosen, rejected;
};

/// Lengths are geometric-like around those of chat preference data: prompts of about 150, responses of
/// about 75.
Pair random_pair(std::mt19937& random) {
    std::lognormal_distribution<double> prompt(4.8, 0.6), response(4.1, 0.6);
    const auto length = [&](std::lognormal_distribution<double>& d, double most) {
        return static_cast<std::int32_t>(std::clamp(d(random), 4.0, most));
    };
    const std::int32_t first = length(prompt, 700), chosen = length(response, 300),
                       rejected = length(response, 300);
    return {first, chosen, rejected};
}

std::vector<Bin> make_bins(std::size_t count, bool shared, std::int32_t vocabulary) {
    constexpr std::size_t capacity = 2048;
    std::mt19937 lengths(1), random(2);
    std::vector<Bin> bins(1);
    std::int32_t sequence = 0;
    while (true) {
        const Pair pair = random_pair(lengths);
        const auto size =
            static_cast<std::size_t>((shared ? 1 : 2) * pair.prompt + pair.chosen + pair.rejected);
        if (bins.back().tokens.size() + size > capacity) {
            if (bins.size() == count) return bins;
            bins.emplace_back();
        }
        Bin& bin = bins.back();
        const std::int32_t responses[] = {pair.chosen, pair.rejected};
        std::int32_t prompt = -1;
        if (shared) prompt = bin.add(random, pair.prompt, -1, pair.chosen + pair.rejected, vocabulary);
        for (const std::int32_t response : responses) {
            if (!shared) prompt = bin.add(random, pair.prompt, -1, response, vocabulary);
            const std::int32_t last = prompt + pair.prompt - 1;
            const std::int32_t begin = bin.add(random, response, last, 0, vocabulary);
            bin.score(begin, begin + response, last, sequence++);
        }
    }
}

double forward_flops(const ModelConfig& config, const Bin& bin) {
    const auto tokens = static_cast<double>(bin.tokens.size());
    const auto rows =
        static_cast<double>(std::set<std::int32_t>(bin.target_row.begin(), bin.target_row.end()).size());
    double visible = 0;
    for (std::size_t k = 0; k < bin.tokens.size(); ++k)
        visible += bin.visible_until[k] - static_cast<double>(k);
    const auto hidden = static_cast<double>(config.hidden_size), layers = static_cast<double>(config.layers);
    const auto query = static_cast<double>(config.query_heads * config.head_dim);
    const double qkv = hidden * (query + 2.0 * static_cast<double>(config.kv_heads * config.head_dim));
    const double behind = hidden * query + 3 * hidden * static_cast<double>(config.intermediate_size);
    return 2 * (layers * qkv * tokens + behind * ((layers - 1) * tokens + rows) +
                hidden * static_cast<double>(config.vocab_size) * rows) +
           layers * 4 * query * visible;
}

ModelConfig model_config(const std::string& name) {
    ModelConfig config;
    if (name == "30m") {
        config.vocab_size = 8192;
        config.hidden_size = 512;
        config.intermediate_size = 1408;
        config.layers = 8;
        config.query_heads = 8;
        config.kv_heads = 4;
        config.head_dim = 64;
    } else if (name == "tiny") {
        config.vocab_size = 2048;
        config.hidden_size = 128;
        config.intermediate_size = 384;
        config.layers = 4;
        config.query_heads = 4;
        config.kv_heads = 2;
        config.head_dim = 32;
    } else {
        std::fprintf(stderr, "usage: step_benchmark [30m|tiny] [shared|naive] [bins] [rounds] [threads]\n");
        std::exit(2);
    }
    config.max_position_embeddings = 2048;
    return config;
}

/// The rate of a large product by the same clock as the rest.
double ceiling_of(Backend& backend) {
    if (backend.threads() > 1) return backend.measure_matmul_ceiling();
    constexpr std::int64_t size = 1024;
    const Buffer memory = backend.allocate(3 * size * size * sizeof(float));
    const auto matrix = [&](std::int64_t i) {
        return Tensor(static_cast<float*>(memory.get()) + i * size * size, DType::f32, {size, size});
    };
    backend.zero(Tensor(memory.get(), DType::f32, {3 * size, size}));
    double best = 0;
    for (int i = 0; i < 8; ++i) {
        const double begin = now(1);
        backend.linear(matrix(0), matrix(1), matrix(2));
        best = std::max(best, 2.0 * size * size * size / (now(1) - begin));
    }
    return best;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

}  // namespace

int main(int count, char** arguments) {
    const auto argument = [&](int i, const char* otherwise) { return i < count ? arguments[i] : otherwise; };
    const ModelConfig config = model_config(argument(1, "30m"));
    const bool shared = std::strcmp(argument(2, "shared"), "naive") != 0;
    const auto bin_count = static_cast<std::size_t>(std::max(1, std::atoi(argument(3, "8"))));
    const int rounds = std::max(1, std::atoi(argument(4, "3")));
    const auto backend = std::make_unique<TimedBackend>(make_cpu_backend(std::atoi(argument(5, "0"))));
    const auto clock = [&] { return now(backend->threads()); };

    const std::vector<Bin> bins = make_bins(bin_count, shared, static_cast<std::int32_t>(config.vocab_size));
    double flops = 0, tokens = 0;
    for (const Bin& bin : bins) {
        flops += 4 * forward_flops(config, bin);
        tokens += static_cast<double>(bin.tokens.size());
    }

    Parameters parameters(*backend, config, DType::f32), reference(*backend, config, DType::f32),
        gradients(*backend, config, DType::f32), m(*backend, config, DType::f32),
        v(*backend, config, DType::f32);
    std::mt19937 random(3);
    std::normal_distribution<float> normal(0.0f, 0.02f);
    for (const NamedTensor& named : parameters.named()) {
        std::vector<float> values(static_cast<std::size_t>(named.tensor.size()));
        for (float& value : values) value = named.decays ? normal(random) : 1.0f;
        backend->upload(named.tensor, values.data());
    }
    backend->copy(reference.flat(), parameters.flat());
    Transformer model(*backend, config);
    std::printf("%s on %d threads, %.1fM parameters, %zu bins of %.0f tokens, %s\n",
                backend->device_name().c_str(), backend->threads(),
                static_cast<double>(parameters.flat().size()) / 1e6, bins.size(),
                tokens / static_cast<double>(bins.size()), shared ? "shared" : "naive");

    std::vector<double> fractions, seconds_of_steps;
    for (int round = 0; round <= rounds; ++round) {
        const double before = ceiling_of(*backend);
        backend->seconds.clear();
        double prepare = 0, reference_forward = 0, forward = 0, backward = 0, optimizer = 0;
        const double begin = clock();
        backend->zero(gradients.flat());
        for (const Bin& bin : bins) {
            double start = clock();
            const auto prepared = model.prepare(bin.view());
            prepare += clock() - start, start = clock();
            model.forward(reference, *prepared, false);
            reference_forward += clock() - start, start = clock();
            model.forward(parameters, *prepared, true);
            forward += clock() - start, start = clock();
            std::vector<float> weight(bin.target_row.size());
            for (std::size_t r = 0; r < weight.size(); ++r)
                weight[r] = bin.target_sequence[r] % 2 == 0 ? -0.05f : 0.05f;
            model.backward(parameters, gradients, *prepared, weight);
            backward += clock() - start;
        }
        double start = clock();
        const double norm = std::sqrt(backend->sum_of_squares(gradients.flat()));
        backend->adamw(parameters.flat(), {}, gradients.flat(), m.flat(), v.flat(),
                       norm > 1 ? static_cast<float>(1 / norm) : 1,
                       {1e-6f, 0.9f, 0.999f, 1e-8f, 0.0f, round + 1, 0});
        optimizer = clock() - start;
        const double total = clock() - begin;
        const auto by_operation = backend->seconds;
        const double ceiling = std::max(before, ceiling_of(*backend));
        const double fraction = flops / total / ceiling;
        std::printf(
            "%s %.3f s: prepare %.4f, reference %.3f, forward %.3f, backward %.3f, optimizer %.4f; "
            "%.1f GFLOP/s of %.1f: %.3f\n",
            round == 0 ? "warm-up" : "step   ", total, prepare, reference_forward, forward, backward,
            optimizer, flops / total * 1e-9, ceiling * 1e-9, fraction);
        if (round == 0) continue;
        if (round == rounds)
            for (const auto& [name, seconds] : by_operation)
                std::printf("  %-24s %8.4f s %5.1f %%\n", name.c_str(), seconds, 100 * seconds / total);
        fractions.push_back(fraction);
        seconds_of_steps.push_back(total);
    }
    std::printf("median: %.3f s a step, %.3f GFLOP required, %.3f of the ceiling\n", median(seconds_of_steps),
                flops * 1e-9, median(fractions));
    return 0;
}
