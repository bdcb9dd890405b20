#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "run/checkpoint/best_model.h"
#include "train/trainer.h"

namespace wishbone {

/// `state.json` of a checkpoint.
struct CheckpointState {
    std::int64_t step = 0;      ///< steps done
    std::int64_t next_seq = 0;  ///< of the event log, at least
    std::string plan_sha256;
    std::string training;  ///< RunConfig::training_text
    BestModel best = {};
    bool weights_only = false;  ///< of the best evaluation: nothing can be resumed from it
};

struct Checkpoint {
    std::filesystem::path folder;
    CheckpointState state;
};

/// Writes `checkpoints/step-<6 digits>/` of the run folder: model.safetensors, optimizer.safetensors (moments
/// `exp_avg.*` and `exp_avg_sq.*`), reference.safetensors when the reference is no model that a file holds
/// already, or an adapter, state.json. It appears whole or not at all. Then removes the oldest so that `save_total_limit` stay
/// (0: all), not counting the one of the best evaluation, which always stays. Returns the path relative to the run folder.
std::string write_checkpoint(const std::filesystem::path& run_folder, const CheckpointState& state,
                             Backend& backend, Trainer& trainer, const TrainingOptions& options);

/// The same with the weights alone (model.safetensors, state.json), a third of the size: of the best evaluation, which
/// is then to be had whatever `save_steps` says. `also_kept`: the best evaluation that the newest whole checkpoint knows of,
/// so that a resume from there finds it.
void write_best_weights(const std::filesystem::path& run_folder, const CheckpointState& state, Backend& backend,
                        Trainer& trainer, const TrainingOptions& options, std::optional<std::int64_t> also_kept);

/// The file with the weights after that step. Throws Error(bad_input) when there is none.
std::filesystem::path weights_file(const std::filesystem::path& run_folder, std::int64_t step);

/// The newest checkpoint that can be resumed from. Damaged ones are named on stderr and passed over.
std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& run_folder);

/// Removes whole checkpoints beyond `save_total_limit`, the newest first counted: a run that was killed between writing one
/// and removing another has one too many.
void remove_surplus(const Checkpoint& newest, const TrainingOptions& options);

/// Loads the weights alone from the checkpoint of that step. Throws Error(bad_input) when it is gone.
void load_weights(const std::filesystem::path& run_folder, std::int64_t step, Backend& backend, Trainer& trainer);

/// Loads weights, moments, the number of updates, and the reference that the checkpoint holds.
void load_checkpoint(const Checkpoint& checkpoint, Backend& backend, Trainer& trainer);

}  // namespace wishbone
