#pragma once

#include <cstdint>
#include <string>

namespace wishbone {

enum class Schedule { constant, linear, cosine };
enum class ReferenceMode { precompute, in_step };

/// AdamW's moments: bf16 halves their memory, rounded stochastically so that small updates are not lost.
enum class Moments { f32, bf16 };

/// What `training` in run.json says; names and meanings follow TRL's DPOConfig.
struct TrainingOptions {
    double beta = 0.1;
    double learning_rate = 1e-6;
    Schedule schedule = Schedule::linear;
    double warmup_ratio = 0.1;
    double weight_decay = 0.0;
    double adam_beta1 = 0.9;
    double adam_beta2 = 0.999;
    double adam_epsilon = 1e-8;
    double max_grad_norm = 1.0;  ///< 0 means no clipping
    ReferenceMode reference = ReferenceMode::precompute;
    Moments moments = Moments::f32;
    std::int64_t save_steps = 50;       ///< 0 means only a final checkpoint
    std::int64_t save_total_limit = 2;  ///< 0 means all are kept
};

}  // namespace wishbone
