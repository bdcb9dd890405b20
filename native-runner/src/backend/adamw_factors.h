#pragma once

#include <cmath>

#include "backend/backend.h"

namespace wishbone {

/// What every element of an update is multiplied by; worked out once, in double.
struct AdamWFactors {
    float decay, beta1, beta2, one_minus_beta1, one_minus_beta2, step_size, inv_sqrt_correction2, epsilon,
        grad_scale;

    static AdamWFactors of(const AdamW& options, float grad_scale) {
        const double beta1 = options.beta1, beta2 = options.beta2, rate = options.learning_rate;
        const auto step = static_cast<double>(options.step);
        const double correction1 = 1.0 - std::pow(beta1, step), correction2 = 1.0 - std::pow(beta2, step);
        return {
            .decay = static_cast<float>(1.0 - rate * static_cast<double>(options.weight_decay)),
            .beta1 = options.beta1,
            .beta2 = options.beta2,
            .one_minus_beta1 = static_cast<float>(1.0 - beta1),
            .one_minus_beta2 = static_cast<float>(1.0 - beta2),
            .step_size = static_cast<float>(rate / correction1),
            .inv_sqrt_correction2 = static_cast<float>(1.0 / std::sqrt(correction2)),
            .epsilon = options.epsilon,
            .grad_scale = grad_scale,
        };
    }
};

}  // namespace wishbone
