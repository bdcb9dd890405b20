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
    /// `weights`: of the start model; `ready`: that on the only device, where it is there already. `devices` must outlive it.
    Replicas(const RunInputs& inputs, const ModelWeights& weights, Devices& devices, Sharding sharding,
             Offload offload, RecomputePlan recompute, std::optional<RankModel> ready);

    Replica& first() { return *replicas_.front(); }
    /// On all of this process at once. Throws what the first of them throws that has a cause of its own.
    void each(const std::function<void(Replica&)>& work);

    // What follows is done by all, those of other processes among them (run/processes): the first one's call tells them.

    /// Trainer::step, evaluate and compute_reference of all of them together, for the plans of the run.
    StepResult step(const Plan& plan, std::int64_t step, double learning_rate);
    std::optional<EvalResult> evaluate(const Plan& plan, const PlanReference& reference,
                                       const StopRequested& stop);
    bool compute_reference(ReferencedModel model, const Plan& plan, PlanReference& reference,
                           const BinProgress& progress, const StopRequested& stop);

    /// Trainer::set_reference and take_reference of all, a reference model for all, and `load_checkpoint`.
    void set_reference(const PlanReference& reference);
    void take_reference();
    void use_reference_model();
    void load(const Checkpoint& checkpoint);

    /// Of all of this process, by rank: what is sharded is whole with all of them alone.
    Trainers trainers();

    /// Of the device that needed the most.
    std::size_t peak_memory() const;

  private:
    const RunInputs& inputs_;
    Devices& devices_;
    std::vector<std::unique_ptr<Replica>> replicas_;
};

}  // namespace wishbone
