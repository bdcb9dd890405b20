#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "backend/backend.h"
#include "model/config.h"
#include "model/recompute.h"
#include "plan/plan.h"
#include "train/options/training_options.h"

namespace wishbone {

/// Bytes of device memory that a run will hold at its peak, by what they are for.
struct MemoryPlan {
    std::size_t weights = 0;      ///< as computed with, and an in-step reference
    std::size_t optimizer = 0;    ///< f32 master copy, gradients, AdamW's moments
    std::size_t activations = 0;  ///< of the largest bins, with all workspaces
    std::size_t context = 0;      ///< what the driver keeps for the process
    std::size_t total() const { return weights + optimizer + activations + context; }
};

struct MemorySettings {
    std::string backend;  ///< "cpu" or "cuda"
    Recompute recompute = Recompute::none;
    TrainingOptions training;
    std::optional<ModelConfig> reference_model = {};  ///< config of `training.reference_model`
};

/// Runs the plan's largest bins through the real model and trainer on a backend that only counts.
MemoryPlan plan_memory(const Plan& plan, const ModelConfig& config, const MemorySettings& settings);

/// The first of the settings below that makes the plan fit, and what it needs then, as a sentence of advice:
/// recompute "mlp", "block", a precomputed reference, bfloat16 moments (on a GPU). When none is enough: a
/// smaller model or bin capacity.
std::string memory_advice(const Plan& plan, const ModelConfig& config, const MemorySettings& settings,
                          std::size_t available);

/// Throws Error(out_of_memory), with advice, when the plan will not fit into what the backend has free, once for each of `replicas`
/// that share it. Returns what is left of that; 0 where that is not known.
std::size_t check_memory(const Plan& plan, const ModelConfig& config, const MemorySettings& settings,
                         const Backend& backend, std::size_t replicas = 1);

/// 12.3 GB, decimal as on a card's label.
std::string gigabytes(std::size_t bytes);

}  // namespace wishbone
