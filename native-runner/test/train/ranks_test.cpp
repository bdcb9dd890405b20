#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "comm/rank_threads.h"
#include "reference/poisoning_backend.h"
#include "run/checkpoint/checkpoint.h"
#include "run/checkpoint/snapshot.h"
#include "support/checkpoints.h"
#include "support/files.h"
#include "support/loaded_run.h"
#include "support/relative_difference.h"
#include "support/tiny_training.h"
#include "train/ranks/dealt_bins.h"

using namespace wishbone;
using namespace wishbone::test;

// Several ranks are one: the same losses, metrics and weights, whatever the plan and the loss.

namespace {

/// As a checkpoint has them.
std::vector<float> values_of(const PlacedTensors& tensors) {
    std::vector<float> all, one;
    for (std::size_t i = 0; i < tensors.named().size(); ++i) {
        tensors.read(i, one);
        all.insert(all.end(), one.begin(), one.end());
    }
    return all;
}

/// What training came to.
struct Outcome {
    std::vector<StepResult> steps;
    std::vector<float> weights, moments, reference_model;  ///< the moments of the first rank
    std::vector<double> reference;
    EvalResult evaluated;
};

/// A number of ranks, each with a model and trainer of its own.
class Ranks {
  public:
    Ranks(int size, const TrainingOptions& options, const ModelConfig& model = config,
          Sharding sharding = Sharding::none, std::uint32_t seed = 9)
        : options_(options), communicators_(make_thread_ranks(size)), threads_(pointers()) {
        runs_.resize(communicators_.size());
        each([&](std::size_t rank) {
            runs_[rank] =
                std::make_unique<LoadedRun>(model, options, seed, 1, *communicators_[rank], sharding);
        });
    }

    void each(const std::function<void(std::size_t)>& work) { threads_.run(work); }
    LoadedRun& run(std::size_t rank) { return *runs_[rank]; }
    Trainers trainers() {
        Trainers all;
        for (const auto& run : runs_) all.push_back(&run->trainer);
        return all;
    }
    std::size_t size() const { return runs_.size(); }

    /// Gradients are NaN before each step.
    bool poisons = false;

    /// Trains steps [begin, end); all ranks say the same.
    Outcome train(const Plan& plan, std::int64_t begin = 0, std::int64_t end = -1) {
        std::vector<Outcome> all(size());
        each([&](std::size_t rank) {
            all[rank] = train_one(*runs_[rank], plan, begin, end < 0 ? plan.steps() : end);
        });
        for (const Outcome& one : all) {
            CHECK(one.weights == all[0].weights);
            CHECK(one.reference_model == all[0].reference_model);
            CHECK(one.reference == all[0].reference);
            CHECK(one.evaluated.all.sum.loss == all[0].evaluated.all.sum.loss);
            for (std::size_t s = 0; s < one.steps.size(); ++s) {
                CHECK(one.steps[s].mean.loss == all[0].steps[s].mean.loss);
                CHECK(one.steps[s].grad_norm == all[0].steps[s].grad_norm);
                REQUIRE(one.steps[s].ranks.has_value() == (size() > 1));
                if (size() == 1) continue;
                CHECK(one.steps[s].ranks->slowest == all[0].steps[s].ranks->slowest);
                CHECK(one.steps[s].ranks->slowest >= 1);
                CHECK(one.steps[s].ranks->computing == all[0].steps[s].ranks->computing);
                CHECK(one.steps[s].ranks->computing.size() == static_cast<std::size_t>(size()));
                CHECK(one.steps[s].ranks->slowest <= static_cast<double>(size()));
                CHECK(one.steps[s].ranks->communication > 0);
            }
        }
        const CheckpointFiles files = whole_checkpoint(trainers(), options_, 0);
        all[0].weights = values_of(files[0].sets[0].tensors);
        all[0].moments = values_of(files[1].sets[1].tensors);
        return all[0];
    }

  private:
    std::vector<Communicator*> pointers() const {
        std::vector<Communicator*> plain;
        for (const auto& one : communicators_) plain.push_back(one.get());
        return plain;
    }

    Outcome train_one(LoadedRun& run, const Plan& plan, std::int64_t begin, std::int64_t end) const {
        Outcome outcome;
        Trainer& trainer = run.trainer;
        PlanReference reference(plan, options_.loss.ld_alpha);
        if (trainer.needs_reference() && options_.reference == ReferenceMode::precompute) {
            if (begin == 0)
                REQUIRE(trainer.compute_reference(plan, reference, silent, never));
            else
                reference.logps.assign(reference.keys(), -20);
            outcome.reference = reference.logps;
            // Losses that begin at log 2 for every pair would tell little.
            for (std::size_t i = 0; i < reference.logps.size(); ++i)
                reference.logps[i] = -20 + static_cast<double>(i % 5);
            trainer.set_reference(reference);
        }
        for (std::int64_t s = begin; s < end; ++s) {
            if (poisons) {
                const GradientView view = trainer.gradient_view();
                if (view.base != nullptr) reference::poison(*run.backend, *view.base);
                if (view.adapter != nullptr) reference::poison(*run.backend, *view.adapter);
            }
            outcome.steps.push_back(trainer.step(plan, s, learning_rate_at(s, plan.steps(), options_)));
        }
        // Whole where it is, to see that ranks have the same.
        if (const NamedTensors& master = trainer.optimizer().master(); !master.is_shard())
            outcome.weights = run.values(master);
        if (trainer.reference_model() != nullptr)
            outcome.reference_model = run.values(trainer.reference_model()->parameters());
        const auto evaluated = trainer.evaluate(plan, reference, never);
        REQUIRE(evaluated);
        outcome.evaluated = *evaluated;
        return outcome;
    }

    TrainingOptions options_;
    std::vector<std::unique_ptr<HostCommunicator>> communicators_;
    RankThreads threads_;
    std::vector<std::unique_ptr<LoadedRun>> runs_;
};

void check_same(const Outcome& found, const Outcome& expected) {
    REQUIRE(found.steps.size() == expected.steps.size());
    for (std::size_t s = 0; s < found.steps.size(); ++s) {
        const StepResult &a = found.steps[s], &b = expected.steps[s];
        CHECK(a.mean.loss == doctest::Approx(b.mean.loss).epsilon(1e-5));
        CHECK(a.mean.margins == doctest::Approx(b.mean.margins).epsilon(1e-4));
        CHECK(a.mean.accuracies == b.mean.accuracies);
        CHECK(a.mean.nll_loss == doctest::Approx(b.mean.nll_loss).epsilon(1e-5));
        CHECK(a.grad_norm == doctest::Approx(b.grad_norm).epsilon(1e-5));
        CHECK(a.pairs == b.pairs);
        CHECK(a.tokens == b.tokens);
        CHECK(a.flops == b.flops);
    }
    CHECK(relative_difference(found.weights, expected.weights) < 1e-5);
    CHECK(relative_difference(found.moments, expected.moments) < 1e-5);
    CHECK(relative_difference(found.reference_model, expected.reference_model) < 1e-5);
    CHECK(found.reference == expected.reference);
    CHECK(found.evaluated.all.pairs == expected.evaluated.all.pairs);
    CHECK(found.evaluated.all.mean().loss ==
          doctest::Approx(expected.evaluated.all.mean().loss).epsilon(1e-5));
}

void check_ranks(const Plan& plan, const TrainingOptions& options, const ModelConfig& model = config) {
    const Outcome expected = Ranks(1, options, model).train(plan);
    for (const int size : {1, 2, 3, 8})
        for (const Sharding sharding : shardings) {
            CAPTURE(size);
            CAPTURE(name_of(sharding));
            check_same(Ranks(size, options, model, sharding).train(plan), expected);
        }
}

}  // namespace

TEST_CASE("bins are dealt out evenly by cost, each once, the same way every time") {
    Plan plan = random_plan(Packing::split, 3);
    for (const int ranks : {1, 2, 3, 8, 100}) {
        const auto dealt = dealt_bins(plan, Plan::Range{0, plan.bins()}, ranks);
        CHECK(dealt == dealt_bins(plan, Plan::Range{0, plan.bins()}, ranks));
        CHECK(dealt.size() == static_cast<std::size_t>(ranks));
        std::vector<std::int64_t> all;
        double most = 0, total = 0, dearest = 0;
        for (const auto& own : dealt) {
            CHECK(std::ranges::is_sorted(own));
            double cost = 0;
            for (const std::int64_t bin : own) {
                cost += plan.bin(bin).flops;
                dearest = std::max(dearest, plan.bin(bin).flops);
            }
            total += cost;
            most = std::max(most, cost);
            all.insert(all.end(), own.begin(), own.end());
        }
        std::ranges::sort(all);
        REQUIRE(all.size() == static_cast<std::size_t>(plan.bins()));
        for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i] == static_cast<std::int64_t>(i));
        // Graham's bound for the longest first.
        CHECK(most <= std::max(dearest, total / ranks + dearest));
    }
    plan.bin_flops = {5, 1, 1, 4, 3};
    CHECK(dealt_bins(plan, Plan::Range{0, 5}, 2) ==
          std::vector<std::vector<std::int64_t>>{{0, 1, 2}, {3, 4}});
}

TEST_CASE("1, 2, 3 and 8 ranks train alike on naive, shared and divided plans, with few bins and with many") {
    for (const Packing packing : {Packing::naive, Packing::shared, Packing::split})
        for (const std::int64_t capacity : {80, 400}) {
            CAPTURE(capacity);
            check_ranks(random_plan(packing, 2, capacity), strong_options());
        }
}

TEST_CASE("what gradients were before a step changes no bit of it") {
    TrainingOptions lora = strong_options();
    lora.lora.emplace();
    lora.lora->r = 4;
    lora.lora->target_modules = {"q_proj", "down_proj"};
    ModelConfig deep = config;
    deep.layers = 5;
    deep.qkv_bias = deep.mlp_bias = true;
    deep.qk_norm = QkNorm::head;
    for (const bool tied : {false, true})
        for (const TrainingOptions& options : {strong_options(), lora})
            for (const int size : {1, 2, 3, 8})
                for (const Sharding sharding : shardings) {
                    CAPTURE(size);
                    CAPTURE(name_of(sharding));
                    deep.tie_word_embeddings = tied;
                    const Plan plan = random_plan(Packing::split, 2);
                    Ranks poisoned(size, options, deep, sharding), clean(size, options, deep, sharding);
                    poisoned.poisons = true;
                    const Outcome found = poisoned.train(plan), expected = clean.train(plan);
                    CHECK(found.weights == expected.weights);
                    CHECK(found.moments == expected.moments);
                    for (std::size_t s = 0; s < expected.steps.size(); ++s)
                        CHECK(found.steps[s].grad_norm == expected.steps[s].grad_norm);
                }
}

TEST_CASE("one rank with a communicator is a run without, bit by bit") {
    const Plan plan = random_plan(Packing::shared, 2);
    const TrainingOptions options = strong_options();
    const Outcome with = Ranks(1, options).train(plan);
    LoadedRun without(config, options);
    PlanReference reference(plan, std::nullopt);
    REQUIRE(without.trainer.compute_reference(plan, reference, silent, never));
    CHECK(reference.logps == with.reference);
    for (std::size_t i = 0; i < reference.logps.size(); ++i)
        reference.logps[i] = -20 + static_cast<double>(i % 5);
    without.trainer.set_reference(reference);
    for (std::int64_t s = 0; s < plan.steps(); ++s)
        CHECK(without.trainer.step(plan, s, learning_rate_at(s, plan.steps(), options)).mean.loss ==
              with.steps[static_cast<std::size_t>(s)].mean.loss);
    CHECK(without.values(without.policy) == with.weights);
}

TEST_CASE("every loss sees the whole step, on whatever ranks its pairs lie") {
    const Plan plans[] = {random_plan(Packing::shared), random_plan(Packing::split)};
    for (const Loss& loss : all_losses()) {
        CAPTURE(loss.name);
        TrainingOptions options = strong_options();
        options.loss.terms = {{&loss, 1}};
        if (loss.has(LossTrait::label_smoothing)) options.loss.label_smoothing = 0.1;
        if (loss.has(LossTrait::reference)) options.loss.ld_alpha = 0.4;
        if (loss.has(LossTrait::weighting)) options.loss.use_weighting = true;
        for (const Plan& plan : plans) {
            const Outcome expected = Ranks(1, options).train(plan);
            for (const Sharding sharding : shardings)
                check_same(Ranks(3, options, config, sharding).train(plan), expected);
        }
    }
}

TEST_CASE("adapters, windows, a reference within the steps, one that follows, and supervised steps before") {
    const Plan plan = random_plan(Packing::shared, 2);
    TrainingOptions lora = strong_options();
    lora.lora.emplace();
    lora.lora->r = 4;
    lora.lora->target_modules = {"q_proj", "v_proj", "down_proj"};
    check_ranks(plan, lora);

    ModelConfig windows = config;
    windows.layer_kinds.assign(static_cast<std::size_t>(windows.layers), LayerKind());
    windows.layer_kinds.front().window = 5;
    check_ranks(plan, strong_options(), windows);

    TrainingOptions follows = strong_options();
    follows.reference = ReferenceMode::in_step;
    check_ranks(plan, follows);
    follows.sync_ref_model = true;
    follows.ref_model_sync_steps = 2;
    follows.ref_model_mixup_alpha = 0.25;
    check_ranks(plan, follows);

    TrainingOptions sft = strong_options();
    sft.sft_steps = 2;
    check_ranks(plan, sft);
}

TEST_CASE("a checkpoint of any number of ranks resumes on any other") {
    const TrainingOptions options = strong_options();
    const Plan plan = random_plan(Packing::shared, 2);
    const Outcome whole = Ranks(1, options).train(plan);
    using enum Sharding;
    struct Move {
        int before, after;
        Sharding from, to;
    };
    for (const auto& [before, after, from, to] :
         {Move{1, 3, none, none}, Move{3, 1, none, none}, Move{8, 2, optimizer, gradients},
          Move{2, 8, gradients, none}, Move{3, 2, optimizer, optimizer}, Move{1, 3, none, optimizer},
          Move{3, 1, gradients, none}, Move{2, 3, parameters, optimizer}, Move{8, 1, parameters, none},
          Move{1, 2, none, parameters}}) {
        CAPTURE(before);
        CAPTURE(after);
        CAPTURE(name_of(from));
        CAPTURE(name_of(to));
        const TemporaryFolder folder;
        {
            Ranks first(before, options, config, from);
            first.train(plan, 0, 3);
            write_whole(folder.path(), {3, 17, "plan", "{}", {}}, first.trainers(), options);
        }
        Ranks second(after, options, config, to, 1234);
        second.each([&](std::size_t rank) {
            load_checkpoint(*newest_checkpoint(folder.path()), second.run(rank).trainer);
        });
        const Outcome rest = second.train(plan, 3);
        CHECK(relative_difference(rest.weights, whole.weights) < 1e-5);
        CHECK(relative_difference(rest.moments, whole.moments) < 1e-5);
        for (std::size_t s = 0; s < rest.steps.size(); ++s)
            CHECK(rest.steps[s].mean.loss == doctest::Approx(whole.steps[s + 3].mean.loss).epsilon(1e-5));
    }
}

TEST_CASE("a loss that is not finite ends all ranks with the message of one, no policy changed") {
    for (const Packing packing : {Packing::shared, Packing::split}) {
        const Plan plan = random_plan(packing);
        for (const Sharding sharding : shardings) {
            Ranks ranks(3, strong_options(), config, sharding);
            const std::vector<float> before = values_of(trained_weights(ranks.trainers()));
            try {
                ranks.each([&](std::size_t rank) {
                    PlanReference reference(plan, std::nullopt);
                    reference.logps.assign(reference.keys(), -17);
                    reference.logps[0] = std::nan("");
                    ranks.run(rank).trainer.set_reference(reference);
                    ranks.run(rank).trainer.step(plan, 0, 1e-3);
                });
                FAIL("no error");
            } catch (const Error& error) {
                CHECK(error.code() == ExitCode::bad_input);
                CHECK(std::string(error.what()) == "The loss is not a finite number");
                CHECK(error.where() == "step 1");
            }
            CHECK(values_of(trained_weights(ranks.trainers())) == before);
            for (std::size_t rank = 0; rank < 3; ++rank) CHECK(ranks.run(rank).trainer.updates() == 0);
        }
    }
}

TEST_CASE("a stop that one rank hears of first ends evaluation and reference on all") {
    const Plan plan = random_plan(Packing::split);
    Ranks ranks(3, strong_options());
    ranks.each([&](std::size_t rank) {
        LoadedRun& run = ranks.run(rank);
        int asked = 0;
        const auto stop = [&] { return rank == 1 && ++asked > 2; };
        PlanReference reference(plan, std::nullopt);
        CHECK_FALSE(run.trainer.compute_reference(plan, reference, silent, stop));
        reference.logps.assign(reference.keys(), -17);
        asked = 0;
        CHECK_FALSE(run.trainer.evaluate(plan, reference, stop));
        CHECK(run.trainer.evaluate(plan, reference, never));
    });
}

TEST_CASE(
    "bitwise: ranks that go on from a checkpoint do what as many did without, whatever they share out") {
    const TrainingOptions options = strong_options();
    const Plan plan = random_plan(Packing::shared, 2);
    for (const Sharding sharding : shardings) {
        CAPTURE(name_of(sharding));
        Ranks whole(3, options, config, sharding);
        const TemporaryFolder folder;
        whole.train(plan, 0, 3);
        write_whole(folder.path(), {3, 17, "plan", "{}", {}}, whole.trainers(), options);
        const Outcome expected = whole.train(plan, 3);
        Ranks resumed(3, options, config, sharding, 1234);
        resumed.each([&](std::size_t rank) {
            load_checkpoint(*newest_checkpoint(folder.path()), resumed.run(rank).trainer);
        });
        const Outcome found = resumed.train(plan, 3);
        CHECK(found.weights == expected.weights);
        CHECK(found.moments == expected.moments);
    }
}

TEST_CASE("a checkpoint of shards has the bytes of one that is whole") {
    const TrainingOptions options = strong_options();
    const Plan plan = random_plan(Packing::shared);
    const TemporaryFolder folder;
    std::vector<std::string> files;
    for (const Sharding sharding : {Sharding::none, Sharding::optimizer}) {
        Ranks ranks(3, options, config, sharding);
        // With a clip that never acts, sums of squares in another order make no difference.
        ranks.train(plan, 0, 2);
        const auto run = folder / std::string(name_of(sharding));
        std::filesystem::create_directory(run);
        const auto path = run / write_whole(run, {2, 17, "plan", "{}", {}}, ranks.trainers(), options);
        for (const char* name : {"model.safetensors", "optimizer.safetensors", "state.json"})
            files.push_back(read_file(path / name));
    }
    for (std::size_t i = 0; i < 3; ++i) CHECK(files[i] == files[i + 3]);
}

TEST_CASE(
    "a sharded optimizer holds a part of the state, and sharded gradients and parameters no more than few layers") {
    ModelConfig deep = config;
    deep.layers = 12;
    deep.layer_kinds.clear();
    const TrainingOptions options = strong_options();
    Ranks none(4, options, deep), optimizer(4, options, deep, Sharding::optimizer),
        gradients(4, options, deep, Sharding::gradients), parameters(4, options, deep, Sharding::parameters);
    const auto bytes = [](Ranks& ranks) { return ranks.run(1).backend->peak_memory(); };
    const std::size_t model = none.run(0).policy.flat().bytes();
    // Three quarters of two moments.
    CHECK(bytes(none) - bytes(optimizer) == doctest::Approx(1.5 * static_cast<double>(model)).epsilon(0.01));
    CHECK(bytes(gradients) < bytes(optimizer) - model / 4);
    CHECK(bytes(parameters) < bytes(gradients) - model / 4);
}

TEST_CASE(
    "one rank alone reads the weights that all share out, while the others do something else or nothing") {
    const Plan plan = random_plan(Packing::shared);
    ModelConfig deep = config;
    deep.layers = 7;
    deep.layer_kinds.clear();
    LoadedRun whole(deep, strong_options());
    Ranks ranks(3, strong_options(), deep, Sharding::parameters);
    const auto logps = [&](LoadedRun& run, std::int64_t bin) {
        const auto device = run.transformer.prepare(plan.bin(bin));
        return run.transformer.forward(run.trainer.policy().view(), *device, false);
    };
    const std::vector<std::vector<float>> expected = {logps(whole, 0), logps(whole, 1)};
    CHECK(logps(ranks.run(0), 0) == expected[0]);
    CHECK(logps(ranks.run(0), 1) == expected[1]);
    ranks.each([&](std::size_t rank) {
        for (std::size_t b = 0; b < rank; ++b)
            CHECK(logps(ranks.run(rank), static_cast<std::int64_t>(b)) == expected[b]);
    });
}

TEST_CASE("copies of shards in other memory are written as the shards were, whatever comes of those") {
    const TrainingOptions options = strong_options();
    const Plan plan = random_plan(Packing::shared);
    for (const Sharding sharding : {Sharding::optimizer, Sharding::parameters}) {
        CAPTURE(name_of(sharding));
        Ranks ranks(3, options, config, sharding);
        ranks.train(plan, 0, 1);
        const CheckpointFiles files = whole_checkpoint(ranks.trainers(), options, 1);
        const auto host = make_cpu_backend(1);
        CHECK_FALSE(Snapshot(*ranks.run(0).backend, *host, 1000).reserve(files));
        Snapshot snapshot(*ranks.run(0).backend, *host, std::size_t{1} << 30);
        REQUIRE(snapshot.reserve(files));
        CHECK_FALSE(snapshot.is_in_place());
        const TemporaryFolder folder;
        const auto written = [&](const std::string& name, const CheckpointFiles& from) {
            return written_state(folder / name, {1, 17, "plan", "{}", {}}, from, options);
        };
        snapshot.copy(files);
        const std::string now = written("now", files);
        ranks.train(plan, 1);
        CHECK(written("later", files) != now);
        CHECK(written("copied", snapshot.copied(files)) == now);
        // The same memory serves the next one.
        REQUIRE(snapshot.reserve(files));
        snapshot.copy(files);
        CHECK(written("again", snapshot.copied(files)) == written("second", files));
    }
}
