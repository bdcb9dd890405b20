#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pretrained/model_export.h"
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
    std::map<std::string, std::string> models =
        {};  ///< ModelsUsed::hashes; empty where an older runner wrote it
};

struct Checkpoint {
    std::filesystem::path folder;
    CheckpointState state;
};

/// A file of a checkpoint and whose tensors are in it.
struct CheckpointFile {
    const char* name;
    std::vector<Prefixed> sets;
};
using CheckpointFiles = std::vector<CheckpointFile>;

/// Of all ranks, by rank: what is sharded is whole with all of them alone. What is not is taken from the first.
using Trainers = std::vector<Trainer*>;
/// The trained weights, in f32.
PlacedTensors trained_weights(const Trainers& trainers);

/// Of a whole checkpoint: model.safetensors, optimizer.safetensors (moments `exp_avg.*` and `exp_avg_sq.*`), reference.safetensors
/// when the reference is an adapter, or a model that no file holds yet.
CheckpointFiles whole_checkpoint(const Trainers& trainers, const TrainingOptions& options, std::int64_t step);
/// model.safetensors alone, a third of the size: for the best evaluation, which is then available whatever `save_steps` says.
CheckpointFiles weights_alone(const Trainers& trainers);

/// Writes `checkpoints/step-<6 digits>/` of the run folder: the files, and state.json. It appears whole or not at all. Then removes
/// the oldest so that `save_total_limit` stay (0: all), not counting the one of the best evaluation, which always stays.
/// `also_kept`, beside weights alone: the best evaluation that the newest whole checkpoint knows of, so that a resume from there
/// finds it. `before_commit` may throw: then nothing appears. From any thread, of one run one at a time.
void write_checkpoint(
    const std::filesystem::path& run_folder, const CheckpointState& state, const CheckpointFiles& files,
    const TrainingOptions& options, std::optional<std::int64_t> also_kept = std::nullopt,
    const std::function<void()>& before_commit = [] {});

/// Where `write_checkpoint` puts one, relative to the run folder.
std::string checkpoint_path(std::int64_t step);

/// The file with the weights after that step. Throws Error(bad_input) when there is none.
std::filesystem::path weights_file(const std::filesystem::path& run_folder, std::int64_t step);

/// The newest checkpoint that can be resumed from. Damaged ones are named on stderr and passed over.
std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& run_folder);

/// Removes whole checkpoints beyond `save_total_limit`, the newest first counted: a run that was killed between writing one
/// and removing another has one too many.
void remove_surplus(const Checkpoint& newest, const TrainingOptions& options);

/// Loads the weights alone from the checkpoint of that step into what `trained_weights` names. Throws Error(bad_input) when it is
/// gone.
void load_weights(const std::filesystem::path& run_folder, std::int64_t step, Trainer& trainer);

/// Loads weights, moments, the number of updates, and the reference that the checkpoint holds. On all ranks.
void load_checkpoint(const Checkpoint& checkpoint, Trainer& trainer);

}  // namespace wishbone
