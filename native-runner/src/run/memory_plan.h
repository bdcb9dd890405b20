#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "backend/backend.h"
#include "model/config.h"
#include "model/precision.h"
#include "model/recompute.h"
#include "plan/plan.h"
#include "train/optimizer/offload.h"
#include "train/options/training_options.h"
#include "train/ranks/sharding.h"

namespace wishbone {

/// Bytes of memory that a run will hold at its peak on one device, by what they are for.
struct MemoryPlan {
    std::size_t weights = 0;        ///< as computed with, and an in-step reference
    std::size_t optimizer = 0;      ///< f32 master copy, gradients, AdamW's moments
    std::size_t activations = 0;    ///< of the largest bins, with all workspaces
    std::size_t communication = 0;  ///< what the library keeps that several devices speak through
    std::size_t context = 0;        ///< what the driver keeps for the process
    /// What of the host's memory is kept for it, which is no part of the total: where the optimizer's state is offloaded.
    std::size_t host = 0;
    std::size_t total() const { return weights + optimizer + activations + communication + context; }
};

struct MemorySettings {
    std::string backend;  ///< "cpu" or "cuda"
    RecomputePlan recompute = {};
    TrainingOptions training;
    std::optional<ModelConfig> reference_model = {};  ///< config of `training.reference_model`
    int ranks = 1;                                    ///< devices of a process that work together
    Sharding sharding = Sharding::none;               ///< what they share out
    Offload offload = {};                             ///< what is in the host's memory
    Precision precision = Precision::bf16;
    int processes = 1;                ///< with as many devices each, all with the same
    const Plan* evaluated = nullptr;  ///< what is evaluated on, beside the plan
};

/// A card's memory that is left to what a memory plan cannot know.
inline constexpr std::size_t device_slack = std::size_t{2} << 30;

/// Runs the plan's largest bins through the real model and trainer on a backend that only counts.
MemoryPlan plan_memory(const Plan& plan, const ModelConfig& config, const MemorySettings& settings);

/// The first of the settings below that makes the plan fit, and what it needs then, as a sentence of advice:
/// more sharding between several devices, recompute "mlp", "block" (where not all is computed again already), a precomputed reference, bfloat16 moments, the optimizer's state in
/// the host's memory (both on a GPU). When no one of them is enough, a few of them; when all are not: a smaller model or bin
/// capacity. `host`: bytes of the host's memory for each device; 0: not known.
std::string memory_advice(const Plan& plan, const ModelConfig& config, const MemorySettings& settings,
                          std::size_t available, std::size_t host = 0);

/// What a device can have: what the backend has free, a share of it where so many devices have the same memory; 0 where that is not
/// known.
std::size_t memory_of_each(const Backend& backend, std::size_t sharing_memory);

/// What each of so many devices can have of the host's memory: what is free, or WISHBONE_HOST_MEMORY, in GB, which a virtual machine
/// needs whose memory grows as it is used. 0 where it is not known.
std::size_t host_memory_of_each(std::size_t devices);

/// The least sharding with which the plan fits into `available` bytes of each device; the most where none does, none where the
/// bytes are not known (0).
Sharding least_sharding(const Plan& plan, const ModelConfig& config, MemorySettings settings,
                        std::size_t available);

/// The same where what is computed again is open too (`least_recompute`). Optimizer and gradients are shared out before anything is
/// computed again, and parameters only where computing everything again is not enough: each bin waits for those.
Sharding least_sharding_with_recompute(const Plan& plan, const ModelConfig& config, MemorySettings settings,
                                       std::size_t available);

/// The least recomputing (RecomputePlan::of_level) with which the plan fits into `available` bytes of each device and leaves what a plan
/// cannot know: `device_slack`, of smaller memories 8 %. All where none does, nothing where the bytes are not known (0).
RecomputePlan least_recompute(const Plan& plan, const ModelConfig& config, MemorySettings settings,
                              std::size_t available);

/// Throws Error(out_of_memory), with advice, when the plan will not fit into `available` bytes of each device (0: not known), or what
/// is offloaded into `host` bytes of the host's memory for each. Returns what is left of each device. `device`: for messages.
std::size_t check_memory(const Plan& plan, const ModelConfig& config, const MemorySettings& settings,
                         const std::string& device, std::size_t available, std::size_t host = 0);

/// 12.3 GB, decimal as on a card's label.
std::string gigabytes(std::size_t bytes);

}  // namespace wishbone
