#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/callbacks.h"
#include "run/checkpoint/checkpoint.h"
#include "run/device.h"
#include "run/inputs.h"
#include "run/replica.h"

namespace wishbone {

/// A replica of a run's model on each of its devices, all alike after every step. Called by the thread of the first device, which
/// alone does what is done once: files, events, samples.
class Replicas {
  public:
    /// `weights`: of the start model. `devices` must outlive it.
    Replicas(const RunInputs& inputs, const ModelWeights& weights, Devices& devices, Sharding sharding);

    Replica& first() { return *replicas_.front(); }
    /// On all at once. Throws what the first of them throws that has a cause of its own.
    void each(const std::function<void(Replica&)>& work);

    /// Trainer::step, evaluate and compute_reference of all of them together.
    StepResult step(const Plan& plan, std::int64_t step, double learning_rate);
    std::optional<EvalResult> evaluate(const Plan& plan, const PlanReference& reference,
                                       const StopRequested& stop);
    bool compute_reference(ReferencedModel model, const Plan& plan, PlanReference& reference,
                           const BinProgress& progress, const StopRequested& stop);

    /// Of all, by rank: what is sharded is whole with all of them alone.
    Trainers trainers();

    /// Of the device that needed the most.
    std::size_t peak_memory() const;

  private:
    Devices& devices_;
    std::vector<std::unique_ptr<Replica>> replicas_;
};

}  // namespace wishbone
