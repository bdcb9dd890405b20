#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>

#include "reference/operations_reference.h"

namespace wishbone::reference {

/// Tables of a rotation by random angles, as f32 holds them.
struct RandomAngles {
    Values cos, sin;   ///< [positions, planes]
    Values minus_sin;  ///< of the transpose

    RandomAngles(std::mt19937& random, std::int64_t positions, std::int64_t planes) {
        std::uniform_real_distribution<double> angle(0, 2 * std::numbers::pi);
        for (std::int64_t i = 0; i < positions * planes; ++i) {
            const double turn = angle(random);
            cos.push_back(static_cast<double>(static_cast<float>(std::cos(turn))));
            sin.push_back(static_cast<double>(static_cast<float>(std::sin(turn))));
            minus_sin.push_back(-sin.back());
        }
    }
};

}  // namespace wishbone::reference
