#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace wishbone {

double learning_rate_at(std::int64_t step, std::int64_t steps, const TrainingOptions& options) {
    const auto now = static_cast<double>(step), end = static_cast<double>(steps);
    const double warmup = std::ceil(end * options.warmup_ratio);
    double factor = 1;
    if (now < warmup) {
        factor = now / std::max(1.0, warmup);
    } else if (options.schedule == Schedule::linear) {
        factor = std::max(0.0, (end - now) / std::max(1.0, end - warmup));
    } else if (options.schedule == Schedule::cosine) {
        const double progress = (now - warmup) / std::max(1.0, end - warmup);
        factor = std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * progress)));
    }
    return options.learning_rate * factor;
}

}  // namespace wishbone
