#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>

#include "backend/backend.h"
#include "backend/backend_choice.h"
#include "io/read_ahead.h"
#include "model/precision.h"
#include "run/inputs.h"
#include "train/ranks/rank_model.h"

namespace wishbone {

/// What is known of a run on one device before it has a plan.
struct ExpectedRun {
    std::filesystem::path model;
    BackendChoice backend;
    Precision precision = Precision::bf16;
    bool trains_adapter = false;
};

/// What a run does before it looks at its plan, done while that is still being made: the device is opened, its ceiling measured, the
/// start model loaded. The run takes what is for it, and does the rest anew, with the same result. What fails here is left to the run,
/// which says so.
class Ahead {
  public:
    explicit Ahead(ExpectedRun expected) noexcept;

    /// The device, where it is the only one of such a choice; else null, and the model goes.
    std::unique_ptr<Backend> take_backend(const BackendChoice& choice);
    /// The start model of that run on the device that was taken.
    std::optional<RankModel> take_model(const RunInputs& inputs);
    /// Bytes of the device's memory that a model has which was taken, as free_memory counts.
    std::size_t memory_of_model() const { return memory_of_model_; }

  private:
    void prepare();

    ExpectedRun expected_;
    std::optional<ReadAhead> files_;
    std::unique_ptr<Backend> backend_;
    std::optional<RankModel> model_;
    std::size_t memory_of_model_ = 0;
};

/// The files of a model that a run will load, read into the system's cache.
ReadAhead read_ahead(const std::filesystem::path& model);

/// With what earlier processes have found out of the device.
BackendChoice with_findings(BackendChoice choice);

}  // namespace wishbone
