#include "run/replicas.h"

#include <algorithm>
#include <utility>

namespace wishbone {

Replicas::Replicas(const RunInputs& inputs, const ModelWeights& weights, Devices& devices, Sharding sharding)
    : devices_(devices), replicas_(devices.count()) {
    devices.each([&](std::size_t rank) {
        replicas_[rank] =
            std::make_unique<Replica>(inputs, weights, devices.backend(rank), devices.ranks(rank), sharding);
    });
}

void Replicas::each(const std::function<void(Replica&)>& work) {
    devices_.each([&](std::size_t rank) { work(*replicas_[rank]); });
}

StepResult Replicas::step(const Plan& plan, std::int64_t step, double learning_rate) {
    StepResult result;
    each([&](Replica& replica) {
        StepResult own = replica.trainer().step(plan, step, learning_rate);
        if (&replica == &first()) result = std::move(own);
    });
    return result;
}

std::optional<EvalResult> Replicas::evaluate(const Plan& plan, const PlanReference& reference,
                                             const StopRequested& stop) {
    std::optional<EvalResult> result;
    each([&](Replica& replica) {
        std::optional<EvalResult> own = replica.trainer().evaluate(plan, reference, stop);
        if (&replica == &first()) result = std::move(own);
    });
    return result;
}

bool Replicas::compute_reference(ReferencedModel model, const Plan& plan, PlanReference& reference,
                                 const BinProgress& progress, const StopRequested& stop) {
    bool whole = false;
    std::vector<PlanReference> others(replicas_.size() - 1, reference);
    devices_.each([&](std::size_t rank) {
        Replica& own = *replicas_[rank];
        if (rank == 0)
            whole = own.compute_reference(model, plan, reference, progress, stop);
        else
            own.compute_reference(model, plan, others[rank - 1], [](std::int64_t, std::int64_t) {}, stop);
    });
    return whole;
}

Trainers Replicas::trainers() {
    Trainers all;
    for (const auto& replica : replicas_) all.push_back(&replica->trainer());
    return all;
}

std::size_t Replicas::peak_memory() const {
    std::size_t most = 0;
    for (const auto& replica : replicas_) most = std::max(most, replica->backend().peak_memory());
    return most;
}

}  // namespace wishbone
