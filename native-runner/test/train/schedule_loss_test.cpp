#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "train/dpo_loss.h"
#include "train/schedule.h"

using namespace wishbone;

TEST_CASE("schedules: values of transformers' get_*_schedule_with_warmup") {
    TrainingOptions options;
    options.learning_rate = 1;
    // 20 steps, warm-up ceil(0.11 * 20) = 3; the numbers are what transformers gives for those arguments.
    options.warmup_ratio = 0.11;
    const auto rate = [&](Schedule schedule, int step) {
        options.schedule = schedule;
        return learning_rate_at(step, 20, options);
    };
    for (const Schedule schedule : {Schedule::constant, Schedule::linear, Schedule::cosine}) {
        CHECK(rate(schedule, 0) == 0);
        CHECK(rate(schedule, 1) == doctest::Approx(1.0 / 3).epsilon(1e-15));
        CHECK(rate(schedule, 2) == doctest::Approx(2.0 / 3).epsilon(1e-15));
        CHECK(rate(schedule, 3) == 1);
    }
    CHECK(rate(Schedule::constant, 19) == 1);
    CHECK(rate(Schedule::linear, 10) == doctest::Approx(10.0 / 17).epsilon(1e-15));
    CHECK(rate(Schedule::linear, 19) == doctest::Approx(1.0 / 17).epsilon(1e-15));
    CHECK(rate(Schedule::linear, 20) == 0);
    CHECK(rate(Schedule::cosine, 10) == doctest::Approx(0.6368314950360415).epsilon(1e-14));
    CHECK(rate(Schedule::cosine, 19) == doctest::Approx(0.008513450158049107).epsilon(1e-12));

    options.warmup_ratio = 0;
    CHECK(rate(Schedule::linear, 0) == 1);
    options.warmup_ratio = 1;
    CHECK(rate(Schedule::linear, 19) == 0.95);
    options.warmup_ratio = 0.1;
    CHECK(learning_rate_at(0, 1, options) == 0);
}

TEST_CASE("DPO loss: equation 7 in plain form, and its derivative by central differences") {
    std::mt19937 random(1);
    std::uniform_real_distribution<double> logp(-60, -1);
    for (int round = 0; round < 200; ++round) {
        const PairLogps logps = {logp(random), logp(random), logp(random), logp(random)};
        const double beta = 0.01 + 0.5 * (round % 7);
        const auto plain = [&](double policy_chosen, double policy_rejected) {
            const double m = beta * ((policy_chosen - logps.reference_chosen) -
                                     (policy_rejected - logps.reference_rejected));
            return -std::log(1 / (1 + std::exp(-m)));
        };
        DpoSums sums;
        const double derivative = dpo_loss(logps, beta, sums);
        CHECK(sums.loss == doctest::Approx(plain(logps.policy_chosen, logps.policy_rejected)).epsilon(1e-9));
        constexpr double h = 1e-5;
        const double by_chosen = (plain(logps.policy_chosen + h, logps.policy_rejected) -
                                  plain(logps.policy_chosen - h, logps.policy_rejected)) /
                                 (2 * h);
        const double by_rejected = (plain(logps.policy_chosen, logps.policy_rejected + h) -
                                    plain(logps.policy_chosen, logps.policy_rejected - h)) /
                                   (2 * h);
        CHECK(std::abs(derivative - by_chosen) < 1e-8 * (1 + sums.loss));
        CHECK(std::abs(-derivative - by_rejected) < 1e-8 * (1 + sums.loss));

        const double chosen = beta * (logps.policy_chosen - logps.reference_chosen);
        const double rejected = beta * (logps.policy_rejected - logps.reference_rejected);
        CHECK(sums.rewards_chosen == chosen);
        CHECK(sums.rewards_rejected == rejected);
        CHECK(sums.margins == chosen - rejected);
        CHECK(sums.accuracies == (chosen > rejected));
        CHECK(sums.logps_chosen == logps.policy_chosen);
        CHECK(sums.logps_rejected == logps.policy_rejected);
    }
}

TEST_CASE("DPO loss stays finite where exp would overflow") {
    DpoSums sums;
    CHECK(dpo_loss({-1e6, 0, 0, 0}, 1.0, sums) == -1);
    CHECK(sums.loss == 1e6);
    DpoSums other;
    CHECK(dpo_loss({0, -1e6, 0, 0}, 1.0, other) == 0);
    CHECK(other.loss == 0);
    DpoSums equal;
    CHECK(dpo_loss({-3, -4, -3, -4}, 0.5, equal) == -0.25);
    CHECK(equal.loss == doctest::Approx(std::log(2.0)).epsilon(1e-15));
    CHECK(equal.accuracies == 0);
}
