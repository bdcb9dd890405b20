#pragma once

#include "run/checkpoint/checkpoint.h"
#include "support/files.h"

namespace wishbone::test {

/// A whole checkpoint of the trainer as it stands. Returns its path in the run folder.
inline std::string write_whole(const std::filesystem::path& run_folder, const CheckpointState& state,
                               const Trainers& trainers, const TrainingOptions& options) {
    write_checkpoint(run_folder, state, whole_checkpoint(trainers, options, state.step), options);
    return checkpoint_path(state.step);
}

/// The bytes of weights and optimizer as they are written to a run folder, which it makes.
inline std::string written_state(const std::filesystem::path& run_folder, const CheckpointState& state,
                                 const CheckpointFiles& files, const TrainingOptions& options) {
    std::filesystem::create_directory(run_folder);
    write_checkpoint(run_folder, state, files, options);
    const auto path = run_folder / checkpoint_path(state.step);
    return read_file(path / "model.safetensors") + read_file(path / "optimizer.safetensors");
}

/// Its weights alone.
inline void write_weights(const std::filesystem::path& run_folder, CheckpointState state,
                          const Trainers& trainers, const TrainingOptions& options,
                          std::optional<std::int64_t> also_kept) {
    state.weights_only = true;
    write_checkpoint(run_folder, state, weights_alone(trainers), options, also_kept);
}

}  // namespace wishbone::test
