#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "run/config/training_config.h"
#include "run/metric_fields.h"
#include "support/files.h"
#include "support/run_folder.h"
#include "train/loss/preference_loss.h"
#include "train/loss/sequence_logps.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;

namespace {

/// Loss options from the names that run.json uses.
LossOptions options_of(const Json& given) {
    Json training = run_json("/model")["training"];
    training.erase("loss_type");
    for (const auto& [name, value] : given.items()) training[name] = value;
    return read_training(JsonFields(training, "run.json", "training"), "/run").loss;
}

/// A batch of TRL's order, chosen responses first, as one bin: response i is sequence i.
struct Batch {
    explicit Batch(const Json& json)
        : policy(json["policy"].get<Rows>()),
          reference(json["reference"].get<Rows>()),
          log_sum_squares(json["log_sum_squares"].get<Rows>()) {
        for (std::size_t i = 0; i < policy.size(); ++i)
            target_sequence.insert(target_sequence.end(), policy[i].size(), static_cast<std::int32_t>(i));
    }
    using Rows = std::vector<std::vector<double>>;

    std::size_t pairs() const { return policy.size() / 2; }
    BinView bin() const {
        BinView view;
        view.target_sequence = target_sequence;
        return view;
    }
    static std::vector<float> flat(const Rows& rows) {
        std::vector<float> all;
        for (const auto& row : rows) all.insert(all.end(), row.begin(), row.end());
        return all;
    }

    Rows policy, reference, log_sum_squares;
    std::vector<std::int32_t> target_sequence;
};

struct Outcome {
    PreferenceMetrics mean;
    std::vector<float> gradient;  ///< by target
};

Outcome evaluate(const Batch& batch, const LossOptions& options) {
    const PreferenceLoss loss(options);
    const LengthWeights lengths(options.ld_alpha);
    const std::size_t pairs = batch.pairs();
    std::vector<SequenceState> states(2 * pairs);
    StepSize size{static_cast<std::int64_t>(pairs), 0};
    for (std::size_t p = 0; p < pairs; ++p) {
        const std::size_t chosen = batch.policy[p].size(), rejected = batch.policy[p + pairs].size();
        states[p].logps.tokens = static_cast<double>(chosen);
        states[p + pairs].logps.tokens = static_cast<double>(rejected);
        states[p].shared_tokens = states[p + pairs].shared_tokens =
            static_cast<std::int32_t>(std::min(chosen, rejected));
        size.chosen_tokens += static_cast<std::int64_t>(chosen);
    }
    TargetLogps values{Batch::flat(batch.policy), {}};
    if (options.use_weighting) values.log_sum_squares = Batch::flat(batch.log_sum_squares);
    add_policy(batch.bin(), values, lengths, states);
    add_reference(batch.bin(), Batch::flat(batch.reference), lengths, states);
    std::vector<PairLogps> logps;
    for (std::size_t p = 0; p < pairs; ++p) logps.push_back({states[p].logps, states[p + pairs].logps});
    std::vector<PairGradient> gradients(pairs);
    Outcome outcome;
    outcome.mean = loss.evaluate(logps, size, gradients).scaled(1.0 / static_cast<double>(pairs));
    for (std::size_t p = 0; p < pairs; ++p) {
        states[p].gradient = gradients[p].chosen;
        states[p + pairs].gradient = gradients[p].rejected;
    }
    target_weights(batch.bin(), lengths, states, outcome.gradient);
    return outcome;
}

std::vector<PairLogps> random_pairs(std::mt19937& random, double scale, std::size_t count) {
    std::uniform_real_distribution<double> logp(-scale, -0.02);
    const auto response = [&] {
        ResponseLogps logps;
        logps.plain = logp(random);
        logps.logp = logp(random);
        logps.reference = logp(random);
        logps.tokens = 1 + static_cast<double>(random() % 9);
        logps.alignment = 0.3 * logp(random);
        return logps;
    };
    std::vector<PairLogps> pairs(count);
    for (auto& pair : pairs) pair = {response(), response()};
    return pairs;
}

}  // namespace

TEST_CASE("losses: values, metrics and gradients are TRL's") {
    const Json fixture =
        Json::parse(read_file(std::string(WISHBONE_TEST_FOLDER) + "/../../test/fixtures/losses/cases.json"));
    std::vector<Batch> batches;
    for (const Json& batch : fixture["batches"]) batches.emplace_back(batch);
    std::set<std::string> seen;
    for (const Json& one : fixture["cases"]) {
        const std::string name = one["options"].dump();
        CAPTURE(name);
        const Batch& batch = batches[one["batch"].get<std::size_t>()];
        const LossOptions options = options_of(one["options"]);
        for (const auto& term : options.terms) seen.insert(std::string(term.loss->name));
        const Outcome outcome = evaluate(batch, options);
        const auto near = [](double actual, double expected) {
            return std::abs(actual - expected) <= 1e-6 * std::max(1.0, std::abs(expected));
        };
        CHECK(near(outcome.mean.loss, one["loss"].get<double>()));
        const Json metrics = metric_fields(outcome.mean, PreferenceLoss(options));
        for (const auto& [metric, value] : one["metrics"].items()) {
            // TRL computes a reference for "sft" too, only to log rewards; the runner computes none.
            if (one["options"]["loss_type"] == Json::array({"sft"}) && metric.starts_with("rewards/"))
                continue;
            CAPTURE(metric);
            REQUIRE(metrics.contains(metric));
            CHECK(near(metrics[metric].get<double>(), value.get<double>()));
        }
        const std::vector<float> expected = Batch::flat(one["gradient"].get<Batch::Rows>());
        REQUIRE(outcome.gradient.size() == expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            CAPTURE(i);
            CHECK(near(outcome.gradient[i], expected[i]));
        }
    }
    CHECK(seen.size() == all_losses().size());
}

TEST_CASE("losses: gradients agree with central differences") {
    std::mt19937 random(4);
    for (const Loss& loss : all_losses())
        for (const double beta : {0.1, 0.6})
            for (int round = 0; round < 20; ++round) {
                CAPTURE(loss.name);
                LossOptions options;
                options.terms = {{&loss, 1.5}, {&loss_named("sft"), 0.25}};
                options.beta = beta;
                options.label_smoothing = loss.has(LossTrait::label_smoothing) ? 0.15 : 0;
                options.use_weighting = loss.has(LossTrait::weighting) && round % 2 == 1;
                const PreferenceLoss all(options);
                std::vector<PairLogps> pairs = random_pairs(random, 6, 5);
                const StepSize size{5, 29};
                std::vector<PairGradient> gradients(5), unused(5);
                all.evaluate(pairs, size, gradients);
                const auto loss_now = [&] { return all.evaluate(pairs, size, unused).loss / 5; };
                constexpr double h = 1e-6;
                const auto check = [&](double& value, double derivative) {
                    const double start = value;
                    value = start + h;
                    const double above = loss_now();
                    value = start - h;
                    const double below = loss_now();
                    value = start;
                    CHECK(std::abs((above - below) / (2 * h) - derivative) <
                          1e-6 * std::max(1.0, std::abs(above)));
                };
                for (std::size_t p = 0; p < pairs.size(); ++p) {
                    check(pairs[p].chosen.logp, gradients[p].chosen.logp);
                    check(pairs[p].rejected.logp, gradients[p].rejected.logp);
                    check(pairs[p].chosen.plain, gradients[p].chosen.plain);
                    check(pairs[p].rejected.plain, gradients[p].rejected.plain);
                }
            }
}

TEST_CASE("losses: finite where exp would overflow") {
    for (const Loss& loss : all_losses()) {
        CAPTURE(loss.name);
        LossOptions options;
        options.terms = {{&loss, 1}};
        options.beta = 1;
        if (loss.has(LossTrait::label_smoothing)) options.label_smoothing = 0.1;
        for (const double far : {-1e5, 1e5}) {
            PairLogps pair;
            pair.chosen = {-2e5 + far, -2e5 + far, -2e5, 10, 0};
            pair.rejected = {-2e5, -2e5, -2e5, 10, 0};
            std::vector<PairGradient> gradient(1);
            // DiscoPOP is exp(-x) by design where the policy prefers the rejected response; up to that it holds.
            const PreferenceMetrics sum =
                PreferenceLoss(options).evaluate(std::vector{pair}, {1, 10}, gradient);
            CHECK(std::isfinite(sum.loss));
            CHECK(std::isfinite(gradient[0].chosen.logp));
            CHECK(std::isfinite(gradient[0].rejected.plain));
        }
    }
}

TEST_CASE("losses: options that contradict each other are named") {
    const auto refused = [](const Json& given, const std::string& where, const std::string& what) {
        CAPTURE(given.dump());
        try {
            options_of(given);
            FAIL("no error");
        } catch (const Error& error) {
            CAPTURE(error.what());
            CHECK(error.where() == "run.json: training." + where);
            CHECK(std::string(error.what()).find(what) != std::string::npos);
            CHECK_FALSE(error.advice().empty());
        }
    };
    refused({{"loss_type", "sigmoit"}}, "loss_type", "\"sigmoit\" is not a loss");
    refused({{"loss_type", Json::array()}}, "loss_type", "empty");
    refused({{"loss_type", 3}}, "loss_type", "not a loss");
    refused({{"loss_type", {"sigmoid", "sft"}}, {"loss_weights", {1.0}}}, "loss_weights", "as many numbers");
    refused({{"loss_type", "bco_pair"}, {"f_divergence_type", "forward_kl"}}, "f_divergence_type",
            "bco_pair");
    refused({{"loss_type", {"sigmoid", "aot"}}, {"use_weighting", true}}, "use_weighting", "aot");
    refused({{"loss_type", "simpo"}, {"ld_alpha", 0.5}}, "ld_alpha", "reference");
    refused({{"loss_type", "sigmoid"}, {"label_smoothing", 0.1}}, "label_smoothing", "None of the losses");
    refused({{"loss_type", "exo_pair"}}, "label_smoothing", "exo_pair");
    refused({{"loss_type", "robust"}, {"label_smoothing", 0.5}}, "label_smoothing", "robust");
    refused({{"loss_type", "orpo"}, {"sync_ref_model", true}, {"reference", "in_step"}}, "sync_ref_model",
            "no reference");
    refused({{"loss_type", "sigmoid"}, {"sync_ref_model", true}}, "sync_ref_model", "up front");
    refused({{"loss_type", "cpo"}, {"reference_model", "/other"}}, "reference_model", "no reference");
    refused({{"loss_type", "sft"}, {"sft_steps", 3}}, "sft_steps", "supervised already");
    refused({{"loss_type", "sigmoid"}, {"load_best_model_at_end", true}}, "load_best_model_at_end",
            "evaluation");
    refused({{"loss_type", "sigmoid"}, {"early_stopping_patience", 2}}, "early_stopping_patience",
            "evaluation");
    refused({{"loss_type", "sigmoid"}, {"num_decay_steps", 2}}, "num_decay_steps", "go together");
}
