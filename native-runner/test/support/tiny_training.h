#pragma once

#include <cstdint>

#include "support/loaded_run.h"
#include "train/optimizer/schedule.h"

namespace wishbone::test {

/// What tests of training train with: a tiny model, few pairs, and steps large enough that an error in one of them shows.
inline const ModelConfig config = tiny_config();

inline const auto never = [] { return false; };
inline const auto silent = [](std::int64_t, std::int64_t) {};

inline TrainingOptions strong_options() {
    TrainingOptions options;
    options.loss.beta = 0.2;
    options.learning_rate = 3e-3;
    options.weight_decay = 0.05;
    options.schedule = Schedule::cosine;
    return options;
}

inline Plan random_plan(Packing packing, int epochs = 1, std::int64_t capacity = 80) {
    return read_plan(
        make_plan(random_pairs(12, config.vocab_size, 3), 4, epochs, capacity, packing, config.vocab_size));
}

}  // namespace wishbone::test
