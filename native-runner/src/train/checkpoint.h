#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "train/trainer.h"

namespace wishbone {

/// `state.json` of a checkpoint.
struct CheckpointState {
    std::int64_t step = 0;      ///< steps done
    std::int64_t next_seq = 0;  ///< of the event log, at least
    std::string plan_sha256;
    std::string training;  ///< RunConfig::training_text
};

struct Checkpoint {
    std::filesystem::path folder;
    CheckpointState state;
};

/// Writes `checkpoints/step-<6 digits>/` of the run folder: model.safetensors, optimizer.safetensors (moments
/// `exp_avg.*` and `exp_avg_sq.*`), state.json. It appears whole or not at all. Then removes the oldest so
/// that `total_limit` stay (0: all). Returns the path relative to the run folder.
std::string write_checkpoint(const std::filesystem::path& run_folder, const CheckpointState& state,
                             Backend& backend, Trainer& trainer, std::int64_t total_limit);

/// The newest whole checkpoint. Damaged ones are named on stderr and passed over.
std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& run_folder);

/// Loads weights, moments and the number of updates.
void load_checkpoint(const Checkpoint& checkpoint, Backend& backend, Trainer& trainer);

}  // namespace wishbone
