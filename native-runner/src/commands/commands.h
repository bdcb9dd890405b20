#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "backend/backend_choice.h"

// One function a subcommand (docs/formats.md, "The runner's command line"). All throw Error.

namespace wishbone {

struct TrainArguments {
    std::filesystem::path run_folder;
    bool resume = false;
    bool join = false;  ///< the run of the first process, whichever it is
};
void train_command(const TrainArguments& arguments);

struct AheadArguments {
    std::filesystem::path model;
    bool fp8 = false;      ///< linear layers in FP8
    bool adapter = false;  ///< that is all the run will train
    BackendChoice backend;
};
/// Opens a device and loads a model for a run whose plan is still being made, then carries out the run whose folder comes as a line on
/// standard input, its output going to that folder's `runner.log`. Does nothing more where standard input ends without one.
void ahead_command(const AheadArguments& arguments);

struct ExportArguments {
    std::filesystem::path run_folder, out;
    std::int64_t step = 0;
};
/// Writes the weights of a run's checkpoint as the run would export them at its end. Needs no GPU.
void export_command(const ExportArguments& arguments);

struct LogpsArguments {
    std::filesystem::path model, plan, out;
    std::filesystem::path adapter;  ///< PEFT folder, or empty
    bool gradients = false;
    double beta = 0.1;
    bool per_token = false;
    bool fp8 = false;  ///< linear layers in FP8
    BackendChoice backend{"cpu", 0, {}};
};
/// Writes `logps` F32 [Q]; with `per_token` also `target_logps` F32 [R], of each target in the plan's order; with
/// `gradients`, `grad.<parameter>` F32 (of the adapter, when there is one).
void logps_command(const LogpsArguments& arguments);

struct LogitsArguments {
    std::filesystem::path model, out;
    std::filesystem::path adapter;  ///< PEFT folder, or empty
    std::vector<std::int32_t> tokens;
    BackendChoice backend{"cpu", 0, {}};
};
/// Writes `logits` F32 [tokens, V].
void logits_command(const LogitsArguments& arguments);

struct SampleArguments {
    std::filesystem::path model, request;
    std::filesystem::path adapter;  ///< PEFT folder, or empty
    BackendChoice backend{"cpu", 0, {}};
};
/// Prints a JSON line a prompt with the tokens that follow it (docs/formats.md).
void sample_command(const SampleArguments& arguments);

struct ChatArguments {
    std::filesystem::path model;
    std::filesystem::path adapter;  ///< PEFT folder, or empty
    BackendChoice backend{"cpu", 0, {}};
};
/// Loads a model and completes prompts, of it and of the one below its adapter: requests are lines of standard input, tokens are printed as they are
/// drawn, as JSON lines (docs/formats.md). Ends with its input.
void chat_command(const ChatArguments& arguments);

struct SpeedupArguments {
    std::filesystem::path model, shared_plan, naive_plan;
    int rounds = 3;
    BackendChoice backend;
};
/// Prints JSON lines.
void speedup_command(const SpeedupArguments& arguments);

struct PlanMemoryArguments {
    std::filesystem::path run_folder;
    std::string backend = "auto";
    int processes = 1;  ///< that the run is for, each with the devices of run.json
    bool json = false;
};
/// Predicts the peak memory of a run before it starts. Needs no GPU.
void plan_memory_command(const PlanMemoryArguments& arguments);

/// Prints where this process stands among several, as the variables of its environment say (comm/processes/place.h).
void place_command();

/// Prints version, backends and devices, as JSON or for people.
void info_command(bool json);

}  // namespace wishbone
