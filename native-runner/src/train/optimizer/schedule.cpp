#include "train/optimizer/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "core/error.h"

namespace wishbone {

namespace {

double warmup_of(std::int64_t steps, const TrainingOptions& options) {
    return options.warmup_steps > 0 ? static_cast<double>(options.warmup_steps)
                                    : std::ceil(static_cast<double>(steps) * options.warmup_ratio);
}

double half_cosine(double progress) { return 0.5 * (1 + std::cos(std::numbers::pi * progress)); }

/// From 1 at the start of the fall to 0 at its end.
double fall(DecayType type, double progress) {
    switch (type) {
        case DecayType::linear:
            return 1 - progress;
        case DecayType::cosine:
            return half_cosine(progress);
        case DecayType::one_minus_sqrt:
            return 1 - std::sqrt(progress);
    }
    return 0;
}

double warmup_stable_decay(double now, double end, double warmup, const TrainingOptions& options) {
    const double decay = static_cast<double>(options.decay_steps), fall_begin = std::max(warmup, end - decay);
    double factor = 1;
    if (now < warmup)
        factor = now / std::max(1.0, warmup);
    else if (now >= fall_begin)
        factor = now < fall_begin + decay ? fall(options.decay_type, (now - fall_begin) / decay) : 0;
    else
        return 1;
    return factor * (1 - options.min_lr_ratio) + options.min_lr_ratio;
}

}  // namespace

double learning_rate_at(std::int64_t step, std::int64_t steps, const TrainingOptions& options) {
    const auto now = static_cast<double>(step), end = static_cast<double>(steps);
    const double warmup = warmup_of(steps, options);
    double factor = 1;
    if (options.schedule == Schedule::warmup_stable_decay)
        factor = warmup_stable_decay(now, end, warmup, options);
    else if (now < warmup)
        factor = now / std::max(1.0, warmup);
    else if (options.schedule == Schedule::linear)
        factor = std::max(0.0, (end - now) / std::max(1.0, end - warmup));
    else if (options.schedule == Schedule::cosine)
        factor = std::max(0.0, half_cosine((now - warmup) / std::max(1.0, end - warmup)));
    return options.learning_rate * factor;
}

void check_schedule_fits(std::int64_t steps, const TrainingOptions& options, const std::string& file) {
    if (options.warmup_steps > steps)
        throw bad_input("The warm-up of " + std::to_string(options.warmup_steps) +
                            " steps is longer than the run of " + std::to_string(steps),
                        file + ": training.warmup_steps", "Use fewer warm-up steps, or train longer.");
    if (options.schedule == Schedule::warmup_stable_decay &&
        warmup_of(steps, options) + static_cast<double>(options.decay_steps) > static_cast<double>(steps))
        throw bad_input(
            "Warm-up and decay together are longer than the run of " + std::to_string(steps) + " steps",
            file + ": training.num_decay_steps", "Use fewer of these steps, or train longer.");
    if (options.sft_steps > 0 && options.sft_steps >= steps)
        throw bad_input(
            "The run of " + std::to_string(steps) + " steps ends before its preference training begins",
            file + ": training.sft_steps", "Use fewer sft_steps, or train longer.");
}

}  // namespace wishbone
