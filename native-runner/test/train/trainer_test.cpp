#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "model/plan_fits.h"
#include "run/checkpoint/checkpoint.h"
#include "support/checkpoints.h"
#include "support/forwarding_backend.h"
#include "support/loaded_run.h"
#include "support/relative_difference.h"
#include "support/tiny_training.h"

using namespace wishbone;
using namespace wishbone::test;

namespace {

/// Every key has the same reference log-probability.
PlanReference flat_reference(const Plan& plan, double logp) {
    PlanReference reference(plan, std::nullopt);
    reference.logps.assign(reference.keys(), logp);
    return reference;
}

PlanReference start_reference(Trainer& trainer, const Plan& plan, std::optional<double> ld_alpha = {}) {
    PlanReference reference(plan, ld_alpha);
    REQUIRE(trainer.compute_reference(plan, reference, silent, never));
    return reference;
}

std::vector<double> losses(LoadedRun& run, const Plan& plan, const TrainingOptions& options) {
    std::vector<double> all;
    if (options.reference == ReferenceMode::precompute)
        run.trainer.set_reference(start_reference(run.trainer, plan));
    for (std::int64_t s = 0; s < plan.steps(); ++s)
        all.push_back(run.trainer.step(plan, s, learning_rate_at(s, plan.steps(), options)).mean.loss);
    return all;
}

/// A backend whose downloads take until they are waited for. It says in which order it was asked for what takes long.
class SlowBackend final : public ForwardingBackend {
  public:
    SlowBackend() : ForwardingBackend(make_cpu_backend(1)) {}

    std::string calls;

    std::unique_ptr<PendingDownload> begin_download(Tensor from) override {
        calls += "begin ";
        return std::make_unique<Slow>(inner().begin_download(from), calls);
    }
    std::unique_ptr<AttentionMask> prepare_mask(std::span<const std::int32_t> visible_until,
                                                std::span<const std::int32_t> position,
                                                AttentionShape shape) override {
        calls += "mask ";
        return inner().prepare_mask(visible_until, position, shape);
    }
    double sum_of_squares(Tensor x) override {
        calls += "norm ";
        return inner().sum_of_squares(x);
    }
    void adamw(Tensor parameters, Tensor master, Tensor grad, Tensor m, Tensor v, float grad_scale,
               const AdamW& of) override {
        if (!calls.ends_with("adamw ")) calls += "adamw ";  // once for each group
        inner().adamw(parameters, master, grad, m, v, grad_scale, of);
    }

  private:
    class Slow final : public PendingDownload {
      public:
        Slow(std::unique_ptr<PendingDownload> download, std::string& calls)
            : download_(std::move(download)), calls_(calls) {}
        bool is_there() const override { return false; }
        std::span<const std::byte> wait() override {
            calls_ += "wait ";
            return download_->wait();
        }

      private:
        std::unique_ptr<PendingDownload> download_;
        std::string& calls_;
    };
};

/// A backend whose updates beside do nothing until they are awaited: whoever does not await one reads what was there before.
class LateBackend final : public ForwardingBackend {
  public:
    LateBackend() : ForwardingBackend(make_cpu_backend(1)) {}

    std::size_t asked() const { return updates_.size(); }
    std::size_t done() const { return done_; }

    std::unique_ptr<Milestone> adamw_beside(Tensor parameters, Tensor master, Tensor grad, Tensor m, Tensor v,
                                            float grad_scale, const AdamW& options) override {
        updates_.push_back([=, this] { inner().adamw(parameters, master, grad, m, v, grad_scale, options); });
        return std::make_unique<Late>(*this, updates_.size());
    }

  private:
    class Late final : public Milestone {
      public:
        Late(LateBackend& backend, std::size_t count) : backend_(backend), count_(count) {}
        void await() override {
            for (; backend_.done_ < count_; ++backend_.done_) backend_.updates_[backend_.done_]();
        }

      private:
        LateBackend& backend_;
        std::size_t count_;
    };

    std::vector<std::function<void()>> updates_;
    std::size_t done_ = 0;
};

/// A trainer on a backend of a test.
template <class TestBackend>
struct RunOn {
    explicit RunOn(const TrainingOptions& options)
        : policy(backend, config, DType::f32),
          transformer(backend, config),
          trainer((load(), backend), transformer, Policy(policy), options) {}

    TestBackend backend;
    Parameters policy;
    Transformer transformer;
    Trainer trainer;

  private:
    void load() {
        const TemporaryFolder folder;
        write_random_model(folder.path(), config, 9);
        ModelWeights(folder.path(), config).load(backend, policy);
    }
};

}  // namespace

TEST_CASE("shared, naive and split plans give the same loss, gradient and training") {
    const TrainingOptions options = strong_options();
    LoadedRun shared(config, options), naive(config, options), split(config, options);
    const Plan shared_plan = random_plan(Packing::shared, 3), naive_plan = random_plan(Packing::naive, 3),
               split_plan = random_plan(Packing::split, 3);
    CHECK(shared_plan.tokens() < naive_plan.tokens());
    CHECK(split_plan.bins() == split_plan.sequences());

    for (auto* run : {&shared, &naive, &split}) {
        const Plan& plan = run == &shared ? shared_plan : run == &naive ? naive_plan : split_plan;
        run->trainer.set_reference(flat_reference(plan, -20));
        const StepResult result = run->trainer.loss_and_gradient(plan, 0);
        CHECK(result.pairs == 4);
        CHECK(std::isfinite(result.mean.loss));
    }
    const auto gradient = naive.values(naive.trainer.gradients());
    CHECK(relative_difference(gradient, shared.values(shared.trainer.gradients())) < 1e-5);
    CHECK(relative_difference(gradient, split.values(split.trainer.gradients())) < 1e-5);

    const auto a = losses(shared, shared_plan, options), b = losses(naive, naive_plan, options),
               c = losses(split, split_plan, options);
    for (std::size_t s = 0; s < a.size(); ++s) {
        CHECK(a[s] == doctest::Approx(b[s]).epsilon(1e-4));
        CHECK(c[s] == doctest::Approx(b[s]).epsilon(1e-4));
    }
    CHECK(a.front() == doctest::Approx(std::log(2.0)).epsilon(1e-5));
    CHECK(a.back() < a.front() - 0.01);
}

TEST_CASE("the step's gradient agrees with central differences of the loss") {
    // The model's own gradient is tested in float64 elsewhere; this covers reference, beta, mean over pairs
    // and sign.
    TrainingOptions options = strong_options();
    LoadedRun run(config, options);
    const Plan plan = random_plan(Packing::shared);
    PlanReference reference = start_reference(run.trainer, plan);
    for (std::size_t i = 0; i < reference.logps.size(); ++i)
        reference.logps[i] += static_cast<double>(i % 5) - 2.0;
    run.trainer.set_reference(reference);
    run.trainer.loss_and_gradient(plan, 1);
    const auto gradient = run.values(run.trainer.gradients());
    const auto start = run.values(run.policy);

    // Along the gradient itself the slope of the loss is the gradient's norm, far above fp32 noise.
    double norm = 0;
    for (const float g : gradient) norm += static_cast<double>(g) * g;
    norm = std::sqrt(norm);
    const auto loss_at = [&](double distance) {
        std::size_t i = 0;
        for (const NamedTensor& parameter : run.policy.named()) {
            std::vector<float> moved(static_cast<std::size_t>(parameter.tensor.size()));
            for (float& value : moved) {
                value = static_cast<float>(start[i] + distance * gradient[i] / norm);
                ++i;
            }
            run.backend->upload(parameter.tensor, moved.data());
        }
        return run.trainer.loss_and_gradient(plan, 1).mean.loss;
    };
    const double h = 1e-2;
    CHECK((loss_at(h) - loss_at(-h)) / (2 * h) == doctest::Approx(norm).epsilon(1e-3));
}

TEST_CASE("the reference can be computed before or inside the steps") {
    TrainingOptions before = strong_options(), inside = strong_options();
    inside.reference = ReferenceMode::in_step;
    for (const Packing packing : {Packing::shared, Packing::split}) {
        LoadedRun a(config, before), b(config, inside);
        const Plan plan = random_plan(packing, 2);
        const auto one = losses(a, plan, before), other = losses(b, plan, inside);
        for (std::size_t s = 0; s < one.size(); ++s) CHECK(one[s] == doctest::Approx(other[s]).epsilon(1e-5));
        const StepResult with = b.trainer.loss_and_gradient(plan, 0),
                         without = a.trainer.loss_and_gradient(plan, 0);
        CHECK(with.flops / without.flops == doctest::Approx(4.0 / 3));
    }
}

TEST_CASE("the reference visits each key once and stops when asked") {
    LoadedRun run(config, strong_options());
    const Plan once = random_plan(Packing::shared, 1), thrice = random_plan(Packing::shared, 3);
    std::int64_t visited = 0, total = 0;
    const auto count = [&](std::int64_t done, std::int64_t of) { visited = done, total = of; };
    PlanReference a(once, std::nullopt), b(thrice, std::nullopt);
    CHECK(run.trainer.compute_reference(once, a, count, never));
    CHECK(visited == once.bins());
    CHECK(run.trainer.compute_reference(thrice, b, count, never));
    CHECK(visited == once.bins());
    CHECK(total == once.bins());
    CHECK(a.logps == b.logps);
    CHECK(a.logps.size() == 24);
    for (const double logp : a.logps) CHECK(logp < 0);
    visited = 0;
    CHECK_FALSE(run.trainer.compute_reference(once, a, count, [&] { return visited == 2; }));
}

TEST_CASE("metrics are means over the step's pairs") {
    const TrainingOptions options = strong_options();
    LoadedRun run(config, options);
    const Plan plan = random_plan(Packing::shared);
    run.trainer.set_reference(flat_reference(plan, -17));
    const StepResult result = run.trainer.loss_and_gradient(plan, 2);

    std::vector<double> logps(24, 0.0);
    for (std::int64_t b = 0; b < plan.bins(); ++b) {
        const BinView bin = plan.bin(b);
        add_by_sequence(bin, run.transformer.forward(run.policy, *run.transformer.prepare(bin), false),
                        logps);
    }
    double loss = 0, chosen = 0, rejected = 0, accuracy = 0;
    for (std::size_t p = 8; p < 12; ++p) {
        const double c = options.loss.beta * (logps[2 * p] + 17),
                     r = options.loss.beta * (logps[2 * p + 1] + 17);
        loss += std::log(1 + std::exp(r - c)) / 4;
        chosen += c / 4;
        rejected += r / 4;
        accuracy += (c > r) / 4.0;
    }
    CHECK(result.mean.loss == doctest::Approx(loss).epsilon(1e-6));
    CHECK(result.mean.rewards_chosen == doctest::Approx(chosen).epsilon(1e-6));
    CHECK(result.mean.rewards_rejected == doctest::Approx(rejected).epsilon(1e-6));
    CHECK(result.mean.margins == doctest::Approx(chosen - rejected).epsilon(1e-6));
    CHECK(result.mean.accuracies == accuracy);
    CHECK(result.mean.logps_chosen == doctest::Approx(chosen / options.loss.beta - 17).epsilon(1e-6));
    double squares = 0;
    for (const float g : run.values(run.trainer.gradients())) squares += static_cast<double>(g) * g;
    CHECK(result.grad_norm == doctest::Approx(std::sqrt(squares)).epsilon(1e-6));
}

TEST_CASE("one update is torch's AdamW after clip_grad_norm_, decaying matrices only") {
    TrainingOptions options = strong_options();
    options.weight_decay = 0.5;
    options.max_grad_norm = 0.05;
    LoadedRun run(config, options);
    const Plan plan = random_plan(Packing::shared);
    run.trainer.set_reference(flat_reference(plan, -17));
    const double learning_rate = 1e-2;

    std::vector<float> before = run.values(run.policy);
    std::vector<double> m(before.size(), 0.0), v(before.size(), 0.0), expected(before.begin(), before.end());
    for (int t = 1; t <= 2; ++t) {
        const StepResult result = run.trainer.step(plan, t - 1, learning_rate);
        CHECK(result.grad_norm > options.max_grad_norm);
        const double clip = std::min(1.0, options.max_grad_norm / (result.grad_norm + 1e-6));
        const auto gradient = run.values(run.trainer.gradients());
        const auto after = run.values(run.policy);
        std::size_t i = 0;
        for (const NamedTensor& parameter : run.policy.named()) {
            const bool is_norm = parameter.name.find("norm") != std::string::npos;
            for (std::int64_t k = 0; k < parameter.tensor.size(); ++k, ++i) {
                const double g = gradient[i] * clip;
                double x = before[i];
                if (!is_norm) x -= learning_rate * options.weight_decay * x;
                m[i] = options.adam_beta1 * m[i] + (1 - options.adam_beta1) * g;
                v[i] = options.adam_beta2 * v[i] + (1 - options.adam_beta2) * g * g;
                const double bias1 = 1 - std::pow(options.adam_beta1, t),
                             bias2 = 1 - std::pow(options.adam_beta2, t);
                x -= learning_rate * (m[i] / bias1) / (std::sqrt(v[i] / bias2) + options.adam_epsilon);
                REQUIRE(after[i] == doctest::Approx(x).epsilon(1e-4));
            }
        }
        before = after;
    }
    CHECK(run.trainer.updates() == 2);
}

TEST_CASE("a loss that is not finite throws and leaves the policy alone") {
    LoadedRun run(config, strong_options());
    const Plan plan = random_plan(Packing::shared);
    const auto before = run.values(run.policy);
    PlanReference reference = flat_reference(plan, -17);
    reference.logps[0] = std::numeric_limits<double>::quiet_NaN();
    run.trainer.set_reference(reference);
    try {
        run.trainer.step(plan, 0, 1e-3);
        FAIL("no error");
    } catch (const Error& error) {
        CHECK(error.code() == ExitCode::bad_input);
        CHECK(error.where() == "step 1");
    }
    CHECK(run.values(run.policy) == before);
    CHECK(run.trainer.updates() == 0);
}

TEST_CASE("training resumed from a checkpoint is bitwise the same") {
    for (const Packing packing : {Packing::shared, Packing::split}) {
        const TrainingOptions options = strong_options();
        const Plan plan = random_plan(packing, 2);
        LoadedRun whole(config, options), first(config, options), second(config, options, 1234);
        const PlanReference reference = start_reference(whole.trainer, plan);
        const TemporaryFolder folder;
        for (auto* run : {&whole, &first, &second}) run->trainer.set_reference(reference);
        const auto step = [&](LoadedRun& run, std::int64_t s) {
            run.trainer.step(plan, s, learning_rate_at(s, plan.steps(), options));
        };
        for (std::int64_t s = 0; s < plan.steps(); ++s) step(whole, s);
        for (std::int64_t s = 0; s < 3; ++s) step(first, s);
        write_whole(folder.path(), {3, 17, "plan", "{\"beta\":0.1}", {}}, {&first.trainer}, options);
        const auto checkpoint = newest_checkpoint(folder.path());
        REQUIRE(checkpoint);
        CHECK(checkpoint->state.step == 3);
        CHECK(checkpoint->state.next_seq == 17);
        CHECK(checkpoint->state.plan_sha256 == "plan");
        CHECK(checkpoint->state.training == "{\"beta\":0.1}");
        load_checkpoint(*checkpoint, second.trainer);
        for (std::int64_t s = 3; s < plan.steps(); ++s) step(second, s);
        CHECK(second.values(second.policy) == whole.values(whole.policy));
        CHECK(second.values(second.trainer.optimizer().second_moment()) ==
              whole.values(whole.trainer.optimizer().second_moment()));
    }
}

TEST_CASE(
    "an adapter: shared, naive and split alike, either reference, the model below untouched, resumed bitwise") {
    TrainingOptions options = strong_options();
    options.lora.emplace();
    options.lora->r = 4;
    options.lora->target_modules = {"q_proj", "v_proj", "down_proj"};
    TrainingOptions inside = options;
    inside.reference = ReferenceMode::in_step;
    std::vector<double> expected;
    for (const Packing packing : {Packing::naive, Packing::shared, Packing::split}) {
        const Plan plan = random_plan(packing, 3);
        LoadedRun before(config, options), in_step(config, inside);
        const std::vector<float> start = before.values(before.policy);
        const std::vector<double> a = losses(before, plan, options), b = losses(in_step, plan, inside);
        CHECK(before.values(before.policy) == start);
        CHECK(a == b);
        CHECK(before.values(*before.adapter) == in_step.values(*in_step.adapter));
        CHECK(a.front() == doctest::Approx(std::log(2.0)).epsilon(1e-6));
        CHECK(a.back() < a.front() - 0.002);
        if (expected.empty()) expected = a;
        for (std::size_t s = 0; s < a.size(); ++s) CHECK(a[s] == doctest::Approx(expected[s]).epsilon(1e-4));

        LoadedRun first(config, options), second(config, options, 9);
        initialise(*second.backend, *second.adapter, 77);
        const PlanReference reference = start_reference(first.trainer, plan);
        const auto step = [&](LoadedRun& run, std::int64_t s) {
            run.trainer.step(plan, s, learning_rate_at(s, plan.steps(), options));
        };
        for (auto* run : {&first, &second}) run->trainer.set_reference(reference);
        for (std::int64_t s = 0; s < 4; ++s) step(first, s);
        const TemporaryFolder folder;
        write_whole(folder.path(), {4, 17, "plan", "{}", {}}, {&first.trainer}, options);
        load_checkpoint(*newest_checkpoint(folder.path()), second.trainer);
        for (std::int64_t s = 4; s < plan.steps(); ++s) step(second, s);
        CHECK(second.values(*second.adapter) == before.values(*before.adapter));
    }
}

TEST_CASE("every loss: shared, naive and divided plans give the same loss, metrics and gradient") {
    const Plan plans[] = {random_plan(Packing::naive), random_plan(Packing::shared),
                          random_plan(Packing::split)};
    for (const Loss& loss : all_losses())
        for (const bool more : {false, true}) {
            CAPTURE(loss.name);
            TrainingOptions options = strong_options();
            options.loss.terms = {{&loss, 1}};
            if (loss.has(LossTrait::label_smoothing)) options.loss.label_smoothing = 0.1;
            if (more && loss.has(LossTrait::reference)) options.loss.ld_alpha = 0.4;
            if (more && loss.has(LossTrait::weighting)) options.loss.use_weighting = true;
            if (more && loss.has(LossTrait::divergence))
                options.loss.f_divergence_type = Divergence::js_divergence;
            std::vector<float> gradient;
            PreferenceMetrics expected;
            for (const Plan& plan : plans) {
                LoadedRun run(config, options);
                PlanReference reference = start_reference(run.trainer, plan, options.loss.ld_alpha);
                // By content, which is the same in all plans.
                for (std::size_t q = 0; q < plan.sequence_reference.size(); ++q)
                    reference.logps[reference.key(static_cast<std::int32_t>(q))] =
                        -15 - static_cast<double>(plan.sequence_reference[q] * 7 % 11);
                run.trainer.set_reference(reference);
                const StepResult result = run.trainer.loss_and_gradient(plan, 0);
                const auto own = run.values(run.trainer.gradients());
                if (gradient.empty()) {
                    gradient = own;
                    expected = result.mean;
                }
                CHECK(result.mean.loss == doctest::Approx(expected.loss).epsilon(1e-5));
                CHECK(result.mean.margins == doctest::Approx(expected.margins).epsilon(1e-4));
                CHECK(result.mean.nll_loss == doctest::Approx(expected.nll_loss).epsilon(1e-5));
                CHECK(relative_difference(gradient, own) < 2e-5);
                // Evaluation sees the same without a gradient.
                Plan first = plan;
                first.step_bin_start.resize(2);
                first.step_pair_start.resize(2);
                const auto evaluated = run.trainer.evaluate(first, reference, never);
                REQUIRE(evaluated);
                CHECK(evaluated->all.pairs == 4);
                CHECK(evaluated->all.mean().loss == doctest::Approx(expected.loss).epsilon(1e-5));
            }
        }
}

TEST_CASE("LD-DPO's reference depends on the pair, whichever way it is computed") {
    TrainingOptions before = strong_options(), inside = strong_options();
    before.loss.ld_alpha = inside.loss.ld_alpha = 0.3;
    inside.reference = ReferenceMode::in_step;
    LoadedRun a(config, before), b(config, inside);
    const Plan plan = random_plan(Packing::shared, 2);
    a.trainer.set_reference(start_reference(a.trainer, plan, 0.3));
    for (std::int64_t s = 0; s < plan.steps(); ++s) {
        const double one = a.trainer.step(plan, s, 1e-3).mean.loss,
                     other = b.trainer.step(plan, s, 1e-3).mean.loss;
        CHECK(one == doctest::Approx(other).epsilon(1e-5));
        if (s == 0) CHECK(one == doctest::Approx(std::log(2.0)).epsilon(1e-5));
    }
}

TEST_CASE("losses without a reference keep none") {
    TrainingOptions options = strong_options();
    options.reference = ReferenceMode::in_step;
    options.loss.terms = {{&loss_named("simpo"), 1}};
    LoadedRun run(config, options);
    CHECK_FALSE(run.trainer.needs_reference());
    CHECK(run.trainer.reference_model() == nullptr);
    const Plan plan = random_plan(Packing::shared);
    const StepResult result = run.trainer.step(plan, 0, 1e-3);
    CHECK(std::isfinite(result.mean.loss));
    CHECK(result.mean.rewards_chosen == doctest::Approx(0.2 * result.mean.logps_chosen));
}

TEST_CASE("TR-DPO: the reference moves towards the policy every few steps") {
    TrainingOptions options = strong_options();
    options.reference = ReferenceMode::in_step;
    options.sync_ref_model = true;
    options.ref_model_sync_steps = 2;
    options.ref_model_mixup_alpha = 0.25;
    LoadedRun run(config, options);
    const Plan plan = random_plan(Packing::shared);
    const auto start = run.values(run.policy);
    const auto reference = [&] { return run.values(run.trainer.reference_model()->parameters()); };
    run.trainer.step(plan, 0, 1e-2);
    CHECK(reference() == start);
    run.trainer.step(plan, 1, 1e-2);
    const auto policy = run.values(run.policy), moved = reference();
    for (std::size_t i = 0; i < start.size(); ++i)
        CHECK(moved[i] == doctest::Approx(0.75 * start[i] + 0.25 * policy[i]).epsilon(1e-5));
}

TEST_CASE("sft_steps train on the chosen responses; then their result is the reference") {
    TrainingOptions options = strong_options();
    options.reference = ReferenceMode::in_step;
    options.sft_steps = 2;
    LoadedRun run(config, options);
    const Plan plan = random_plan(Packing::shared, 2);
    const StepResult first = run.trainer.step(plan, 0, 5e-3);
    CHECK(first.mean.loss == first.mean.nll_loss);
    CHECK(run.trainer.step(plan, 3, 0).pairs == 4);  // any step of the plan may follow
    const double later = run.trainer.loss_and_gradient(plan, 0).mean.loss;
    CHECK(later < first.mean.loss);
    run.trainer.take_reference();
    CHECK(run.trainer.loss_and_gradient(plan, 2).mean.loss == doctest::Approx(std::log(2.0)).epsilon(1e-5));
}

TEST_CASE("the device has its next work before the host waits for the last") {
    TrainingOptions options = strong_options();
    options.reference = ReferenceMode::in_step;
    const auto plan_with = [](std::int64_t capacity, int step_pairs) {
        return read_plan(make_plan(random_pairs(12, config.vocab_size, 3), step_pairs, 1, capacity,
                                   Packing::shared, config.vocab_size));
    };
    RunOn<SlowBackend> run(options);
    const Plan plan = plan_with(400, 4);  // a bin a step
    REQUIRE(plan.bins() == plan.steps());
    REQUIRE(plan.steps() == 3);
    for (std::int64_t s = 0; s < plan.steps(); ++s) run.trainer.step(plan, s, 1e-3);
    // Both passes of a bin are asked for before either is waited for, and the next step's bin is prepared before the gradient's norm is.
    const std::string step = "begin begin wait wait ";
    CHECK(run.backend.calls ==
          "mask " + step + "mask norm adamw " + step + "mask norm adamw " + step + "norm adamw ");

    // Passes without gradients are waited for one behind.
    run.backend.calls.clear();
    PlanReference reference(plan, std::nullopt);
    REQUIRE(run.trainer.compute_reference(plan, reference, silent, never));
    CHECK(run.backend.calls == "mask begin mask begin wait mask begin wait wait ");
    run.backend.calls.clear();
    REQUIRE(run.trainer.evaluate(plan, reference, never));
    CHECK(run.backend.calls ==
          "mask begin begin mask begin begin wait wait mask begin begin wait wait wait wait ");
}

TEST_CASE("an update beside the next step is awaited by whatever reads what it changes") {
    TrainingOptions options = strong_options();
    options.reference = ReferenceMode::in_step;
    options.parameter_groups = {{"*.mlp.*", 1e-4, 0.3}};
    const Plan plan = read_plan(
        make_plan(random_pairs(12, config.vocab_size, 3), 4, 2, 400, Packing::shared, config.vocab_size));
    RunOn<LateBackend> late(options);
    LoadedRun run(config, options);
    const auto same = [&](const NamedTensors& of_late, const NamedTensors& of_run) {
        return run.values(of_late) == run.values(of_run);
    };
    const auto step = [&](std::int64_t s) {
        const StepResult a = late.trainer.step(plan, s, 3e-3, true), b = run.trainer.step(plan, s, 3e-3);
        CHECK(a.mean.loss == b.mean.loss);
        CHECK(a.grad_norm == b.grad_norm);
    };
    for (std::int64_t s = 0; s < 3; ++s) {
        const std::size_t before = late.backend.asked();
        step(s);
        // It was asked for, all of the one before it was done, and nothing of itself.
        CHECK(late.backend.asked() > before);
        CHECK(late.backend.done() == before);
    }
    SUBCASE("weights and state") {
        CHECK(same(late.trainer.policy().base, run.policy));
        CHECK(late.backend.done() == late.backend.asked());
        step(3);
        CHECK(same(late.trainer.optimizer().first_moment(), run.trainer.optimizer().first_moment()));
        CHECK(late.backend.done() == late.backend.asked());
    }
    SUBCASE("gradients") {
        CHECK(same(late.trainer.gradients(), run.trainer.gradients()));
        CHECK(late.backend.done() == late.backend.asked());
    }
    SUBCASE("an evaluation") {
        PlanReference reference(plan, std::nullopt);
        reference.logps.assign(reference.keys(), -3.0);
        const auto a = late.trainer.evaluate(plan, reference, never),
                   b = run.trainer.evaluate(plan, reference, never);
        CHECK(a->all.mean().loss == b->all.mean().loss);
        CHECK(late.backend.done() == late.backend.asked());
    }
    SUBCASE("a reference that is the policy") {
        late.trainer.take_reference();
        run.trainer.take_reference();
        CHECK(
            same(late.trainer.reference_model()->parameters(), run.trainer.reference_model()->parameters()));
        CHECK(late.backend.done() == late.backend.asked());
    }
    SUBCASE("log-probabilities before later steps") {
        CHECK(start_reference(late.trainer, plan).logps == start_reference(run.trainer, plan).logps);
        CHECK(late.backend.done() == late.backend.asked());
    }
    // And it goes on as if nothing had been beside.
    for (std::int64_t s = 4; s < plan.steps(); ++s) step(s);
    CHECK(same(late.trainer.policy().base, run.policy));
    CHECK(same(late.trainer.optimizer().second_moment(), run.trainer.optimizer().second_moment()));
}

TEST_CASE("a policy that the reference follows, and an adapter, are updated in the step itself") {
    const Plan plan = random_plan(Packing::shared);
    TrainingOptions options = strong_options();
    options.reference = ReferenceMode::in_step;
    options.sync_ref_model = true;
    options.ref_model_sync_steps = 1;
    RunOn<LateBackend> follows(options);
    follows.trainer.step(plan, 0, 1e-3, true);
    CHECK(follows.backend.asked() == 0);

    TrainingOptions of_adapter = strong_options();
    of_adapter.reference = ReferenceMode::in_step;
    of_adapter.lora.emplace();
    RunOn<LateBackend> below(strong_options());
    Lora adapter(below.backend, config, lora_modules(config, *of_adapter.lora, "test"), DType::f32);
    Trainer trainer(below.backend, below.transformer, Policy(below.policy, adapter), of_adapter);
    initialise(below.backend, adapter, 1);
    trainer.step(plan, 0, 1e-3, true);
    CHECK(below.backend.asked() == 0);
}

TEST_CASE("a bin that was prepared ahead is used only where it is the one that comes") {
    TrainingOptions options = strong_options();
    options.reference = ReferenceMode::in_step;
    Plan plan = read_plan(
        make_plan(random_pairs(12, config.vocab_size, 3), 4, 1, 400, Packing::shared, config.vocab_size));
    const auto result_of = [&](LoadedRun& run, std::int64_t step) {
        const double loss = run.trainer.loss_and_gradient(plan, step).mean.loss;
        return std::pair(loss, run.values(run.trainer.gradients()));
    };
    LoadedRun run(config, options);
    const auto check = [&](std::int64_t step) {
        LoadedRun fresh(config, options);
        CHECK(result_of(run, step) == result_of(fresh, step));
    };
    // In order, the same once more, backwards, and in order again.
    for (const std::int64_t step : {0, 1, 1, 0, 1, 2, 0}) check(step);
    // Another plan in the place of the one that the bin was prepared of.
    result_of(run, 0);
    plan = read_plan(
        make_plan(random_pairs(12, config.vocab_size, 8), 4, 1, 400, Packing::shared, config.vocab_size));
    check(1);
}

TEST_CASE("parameter groups: learning rates and weight decay by name") {
    CHECK(matches("*", "anything"));
    CHECK(matches("*.q_proj.*", "model.layers.0.self_attn.q_proj.weight"));
    CHECK(matches("model.*norm*", "model.layers.1.input_layernorm.weight"));
    CHECK_FALSE(matches("*.q_proj", "model.layers.0.self_attn.q_proj.weight"));
    CHECK_FALSE(matches("", "a"));

    TrainingOptions options = strong_options();
    options.parameter_groups = {{"model.embed_tokens.*", 0.0, std::nullopt}, {"*norm*", std::nullopt, 0.5}};
    LoadedRun run(config, options);
    const Plan plan = random_plan(Packing::shared);
    run.trainer.set_reference(flat_reference(plan, -17));
    std::vector<float> embedding(static_cast<std::size_t>(run.policy.embedding.size())), after = embedding;
    download_floats(*run.backend, embedding, run.policy.embedding);
    const auto before = run.values(run.policy);
    run.trainer.step(plan, 0, 1e-2);
    download_floats(*run.backend, after, run.policy.embedding);
    CHECK(after == embedding);
    CHECK(run.values(run.policy) != before);
    for (const OptimizerGroup& group : optimizer_groups(run.policy, options))
        CHECK((group.learning_rate_factor == 0 || group.learning_rate_factor == 1));
    options.parameter_groups = {{"*.absent.*", 1e-3, std::nullopt}};
    CHECK_THROWS_AS(optimizer_groups(run.policy, options), Error);
}

TEST_CASE("metrics by source add up to those of the step") {
    PlanColumns columns =
        make_plan(random_pairs(12, config.vocab_size, 3), 4, 1, 80, Packing::shared, config.vocab_size);
    columns.metadata["sources"] = {"one", "two", "none"};
    for (std::size_t p = 0; p < columns.pair_row.size(); ++p)
        columns.pair_source.push_back(p % 4 == 0 ? 1 : 0);
    const Plan plan = read_plan(columns);
    LoadedRun run(config, strong_options());
    run.trainer.set_reference(flat_reference(plan, -17));
    const StepResult result = run.trainer.loss_and_gradient(plan, 1);
    REQUIRE(result.sources.size() == 3);
    CHECK(result.sources[0].pairs == 3);
    CHECK(result.sources[1].pairs == 1);
    CHECK(result.sources[2].pairs == 0);
    CHECK((result.sources[0].sum.loss + result.sources[1].sum.loss) / 4 == doctest::Approx(result.mean.loss));
    columns.pair_source[2] = 3;
    CHECK_THROWS_AS(read_plan(columns), Error);
}

TEST_CASE("a plan that does not fit the model is refused") {
    const Plan plan = random_plan(Packing::shared);
    ModelConfig small = config;
    check_plan_fits(plan, "plan", small);
    small.vocab_size = config.vocab_size - 1;
    CHECK_THROWS_AS(check_plan_fits(plan, "plan", small), Error);
    small = config;
    small.max_position_embeddings = plan.longest_position();
    check_plan_fits(plan, "plan", small);
    --small.max_position_embeddings;
    CHECK_THROWS_AS(check_plan_fits(plan, "plan", small), Error);
}
