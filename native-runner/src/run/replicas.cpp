#include "run/replicas.h"

#include <algorithm>
#include <utility>

namespace wishbone {

Replicas::Replicas(const RunInputs& inputs, const ModelWeights& weights, Devices& devices, Sharding sharding,
                   Offload offload, RecomputePlan recompute, std::optional<RankModel> ready)
    : inputs_(inputs), devices_(devices), replicas_(devices.count()) {
    devices.each([&](std::size_t rank) {
        replicas_[rank] =
            std::make_unique<Replica>(inputs, weights, devices.backend(rank), devices.ranks(rank), sharding,
                                      offload, recompute, rank == 0 ? std::move(ready) : std::nullopt);
    });
}

void Replicas::each(const std::function<void(Replica&)>& work) {
    devices_.each([&](std::size_t rank) { work(*replicas_[rank]); });
}

StepResult Replicas::step(const Plan& plan, std::int64_t step, double learning_rate) {
    devices_.tell({Command::What::step, step, learning_rate});
    StepResult result;
    each([&](Replica& replica) {
        StepResult own = replica.trainer().step(plan, step, learning_rate, true);
        if (&replica == &first()) result = std::move(own);
    });
    return result;
}

std::optional<EvalResult> Replicas::evaluate(const Plan& plan, const PlanReference& reference,
                                             const StopRequested& stop) {
    devices_.tell({Command::What::evaluate, 0, 0, reference.logps});
    std::optional<EvalResult> result;
    each([&](Replica& replica) {
        std::optional<EvalResult> own = replica.trainer().evaluate(plan, reference, stop);
        if (&replica == &first()) result = std::move(own);
    });
    return result;
}

bool Replicas::compute_reference(ReferencedModel model, const Plan& plan, PlanReference& reference,
                                 const BinProgress& progress, const StopRequested& stop) {
    const bool is_eval = inputs_.eval && &plan == &inputs_.eval->plan;
    devices_.tell({Command::What::compute_reference, static_cast<int>(model), is_eval ? 1.0 : 0.0});
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

void Replicas::set_reference(const PlanReference& reference) {
    devices_.tell({Command::What::set_reference, 0, 0, reference.logps});
    each([&](Replica& replica) { replica.trainer().set_reference(reference); });
}

void Replicas::take_reference() {
    devices_.tell({Command::What::take_reference});
    each([](Replica& replica) { replica.trainer().take_reference(); });
}

void Replicas::use_reference_model() {
    devices_.tell({Command::What::use_reference_model});
    each([&](Replica& replica) {
        replica.trainer().set_reference_model(std::make_unique<ReferenceModel>(
            replica.backend(), inputs_.options().reference_model, inputs_.longest(),
            replica.trainer().policy().base.parts(), inputs_.config.precision));
    });
}

void Replicas::load(const Checkpoint& checkpoint) {
    devices_.tell({Command::What::load_checkpoint, checkpoint.state.step});
    each([&](Replica& replica) { load_checkpoint(checkpoint, replica.trainer()); });
}

std::size_t Replicas::peak_memory() const {
    std::size_t most = 0;
    for (const auto& replica : replicas_) most = std::max(most, replica->backend().peak_memory());
    return most;
}

}  // namespace wishbone
