#pragma once

#include "run/checkpoint/checkpoint.h"

namespace wishbone::test {

/// A whole checkpoint of the trainer as it stands. Returns its path in the run folder.
inline std::string write_whole(const std::filesystem::path& run_folder, const CheckpointState& state,
                               const Trainers& trainers, const TrainingOptions& options) {
    write_checkpoint(run_folder, state, whole_checkpoint(trainers, options, state.step), options);
    return checkpoint_path(state.step);
}

/// Its weights alone.
inline void write_weights(const std::filesystem::path& run_folder, CheckpointState state,
                          const Trainers& trainers, const TrainingOptions& options,
                          std::optional<std::int64_t> also_kept) {
    state.weights_only = true;
    write_checkpoint(run_folder, state, weights_alone(trainers), options, also_kept);
}

}  // namespace wishbone::test
