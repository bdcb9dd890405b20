#include "train/ranks/gradients.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "comm/rank_threads.h"
#include "reference/poisoning_backend.h"
#include "support/tiny_training.h"
#include "train/ranks/rank_model.h"

using namespace wishbone;
using namespace wishbone::test;

// Gradients alone, with passes that do what the model's do: write or add, layer by layer.

namespace {

void put(Backend& backend, const Tensor& tensor, float value, bool adds) {
    std::vector<float> values(static_cast<std::size_t>(tensor.size()));
    backend.download(values.data(), tensor);
    for (float& one : values) one = adds ? one + value : value;
    backend.upload(tensor, values.data());
}

void pass(Backend& backend, const GradientView& to, BackwardProgress* progress, float value) {
    const Parameters& all = *to.base;
    const std::size_t count = all.buckets().size();
    for (std::size_t bucket = count; bucket-- > 0;) {
        if (progress != nullptr && bucket > 0 && bucket + 1 < count) progress->begin(bucket);
        for (std::size_t i = 0; i < all.named().size(); ++i)
            if (const std::int64_t place = all.place_of(i);
                all.buckets()[bucket].begin <= place && place < all.buckets()[bucket].end)
                put(backend, all.named()[i].tensor, value, to.adds);
        if (progress != nullptr) progress->done(bucket);
    }
}

}  // namespace

TEST_CASE("bins with and without targets, on ranks with many, few and none, add up to the same") {
    ModelConfig deep = config;
    deep.layers = 4;
    std::mt19937 random(5);
    for (const int size : {1, 2, 3})
        for (const Sharding sharding : shardings) {
            CAPTURE(size);
            CAPTURE(name_of(sharding));
            const auto communicators = make_thread_ranks(size);
            std::vector<Communicator*> plain;
            for (const auto& one : communicators) plain.push_back(one.get());
            // Of each step, rank and bin: what its pass adds, 0 without targets.
            std::vector<std::vector<std::vector<float>>> steps(12);
            for (auto& step : steps) {
                step.resize(static_cast<std::size_t>(size));
                for (auto& bins : step)
                    for (int count = static_cast<int>(random() % 4); count > 0; --count)
                        bins.push_back(static_cast<float>(random() % 3));
                // A step has a bin.
                if (std::ranges::all_of(step, &std::vector<float>::empty)) step.back() = {1};
            }
            RankThreads threads(plain);
            threads.run([&](std::size_t rank) {
                const auto backend = make_cpu_backend(1);
                RankModel model(*backend, deep, *plain[rank], sharding, true);
                ExposedTime exposed(*backend);
                Gradients gradients(*backend, deep, model.policy(nullptr), *plain[rank], sharding, exposed);
                reference::poison(*backend, *gradients.view().base);
                for (const auto& step : steps) {
                    std::size_t most = 0;
                    float expected = 0;
                    for (const auto& bins : step) {
                        most = std::max(most, bins.size());
                        for (const float value : bins) expected += value;
                    }
                    gradients.begin_step(step[rank].size(), most);
                    for (const float value : step[rank]) {
                        gradients.begin_bin(value > 0);
                        if (value > 0) pass(*backend, gradients.view(), gradients.progress(), value);
                        gradients.end_bin();
                    }
                    gradients.finish();
                    // Of the parameters that are here, all elements; 0 is what lies between them.
                    double squares = 0;
                    for (const HeldElements& held : gradients.sum().held()) {
                        if (sharding == Sharding::optimizer && size > 1) break;
                        std::vector<float> values(static_cast<std::size_t>(held.elements.size()));
                        backend->download(values.data(), held.elements);
                        CHECK(values == std::vector<float>(values.size(), expected));
                    }
                    for (const NamedTensor& one : gradients.view().base->named())
                        squares += static_cast<double>(one.tensor.size()) * std::pow(expected, 2);
                    CHECK(gradients.norm() == doctest::Approx(std::sqrt(squares)));
                }
            });
        }
}
