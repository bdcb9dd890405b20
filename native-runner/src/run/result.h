#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "run/checkpoint/best_model.h"
#include "run/inputs.h"
#include "run/process/run_lock.h"
#include "run/replicas.h"
#include "run/reporter.h"

namespace wishbone {

/// trainer_state.json (report/trainer_state.h) of a run of so many steps, `done` of which are done.
nlohmann::ordered_json trainer_state_of(const std::filesystem::path& run_folder,
                                        const TrainingOptions& options, const BestModel& best,
                                        std::int64_t done, std::int64_t steps);
/// Writes it into the run folder as well.
nlohmann::ordered_json write_trainer_state(const RunInputs& inputs, const RunLock& lock,
                                           const BestModel& best, std::int64_t done);

/// Writes what the run was for: the export, of the last weights or the best ones, with its model card; beside a merged model
/// the adapter by itself. `written`: a checkpoint's `model.safetensors` of the last weights, where the export would be the same
/// bytes and need not be written; or empty. Returns the step of the weights, where they are not the last ones; that it was written is for the caller
/// to tell.
std::optional<std::int64_t> export_result(const RunInputs& inputs, const RunLock& lock, Replicas& replicas,
                                          const BestModel& best, Reporter& reporter,
                                          const std::filesystem::path& written);

}  // namespace wishbone
