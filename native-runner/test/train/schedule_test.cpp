#include <doctest/doctest.h>

#include "core/error.h"
#include "train/optimizer/schedule.h"

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
    options.warmup_steps = 0;
    CHECK(rate(Schedule::linear, 0) == 1);
    options.warmup_steps = 3;
    options.warmup_ratio = 0.9;
    CHECK(rate(Schedule::linear, 3) == 1);
    options.warmup_steps = -1;
    options.warmup_ratio = 1;
    CHECK(rate(Schedule::linear, 19) == 0.95);
    options.warmup_ratio = 0.1;
    CHECK(learning_rate_at(0, 1, options) == 0);
}

TEST_CASE("schedules: warmup_stable_decay as transformers' get_wsd_schedule") {
    TrainingOptions options;
    options.learning_rate = 1;
    options.schedule = Schedule::warmup_stable_decay;
    options.warmup_ratio = 0;
    options.warmup_steps = 4;
    options.decay_steps = 6;
    options.min_lr_ratio = 0.1;
    const auto rate = [&](DecayType type, int step) {
        options.decay_type = type;
        return learning_rate_at(step, 20, options);
    };
    // The numbers are what transformers gives for these arguments.
    for (const DecayType type : {DecayType::linear, DecayType::cosine, DecayType::one_minus_sqrt}) {
        CHECK(rate(type, 0) == doctest::Approx(0.1).epsilon(1e-12));
        CHECK(rate(type, 1) == doctest::Approx(0.325).epsilon(1e-12));
        CHECK(rate(type, 4) == 1);
        CHECK(rate(type, 13) == 1);
        CHECK(rate(type, 14) == doctest::Approx(1).epsilon(1e-12));
    }
    CHECK(rate(DecayType::linear, 17) == doctest::Approx(0.55).epsilon(1e-12));
    CHECK(rate(DecayType::cosine, 16) == doctest::Approx(0.775).epsilon(1e-12));
    CHECK(rate(DecayType::one_minus_sqrt, 19) == doctest::Approx(0.17841616374225078).epsilon(1e-12));

    CHECK_NOTHROW(check_schedule_fits(10, options, "run.json"));
    CHECK_THROWS_AS(check_schedule_fits(9, options, "run.json"), Error);
    options.sft_steps = 10;
    CHECK_THROWS_AS(check_schedule_fits(10, options, "run.json"), Error);
}
