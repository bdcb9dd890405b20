#include "run/replica.h"

#include <utility>

namespace wishbone {

namespace {

RankModel loaded(Backend& backend, const RunInputs& inputs, const ModelWeights& weights, Communicator& ranks,
                 Sharding sharding, std::optional<RankModel> ready) {
    if (ready) return std::move(*ready);
    RankModel model(backend, inputs.model, ranks, sharding, !inputs.options().lora, inputs.config.precision);
    weights.load(backend, model.kept());
    model.changed();
    return model;
}

std::optional<Lora> room_for_adapter(Backend& backend, const RunInputs& inputs, std::int64_t parts) {
    if (!inputs.options().lora) return std::nullopt;
    return std::optional<Lora>(std::in_place, backend, inputs.model, inputs.modules,
                               backend.activation_dtype(), parts);
}

}  // namespace

Replica::Replica(const RunInputs& inputs, const ModelWeights& weights, Backend& backend, Communicator& ranks,
                 Sharding sharding, Offload offload, RecomputePlan recompute, std::optional<RankModel> ready)
    : inputs_(inputs),
      backend_(backend),
      model_(loaded(backend, inputs, weights, ranks, sharding, std::move(ready))),
      transformer_(backend, inputs.model, recompute, inputs.config.precision),
      adapter_(room_for_adapter(backend, inputs, parts_of(ranks, sharding))),
      // The trainer copies an in-step reference from the policy, which is still the start model here.
      trainer_(backend, transformer_, model_.policy(adapter_ ? &*adapter_ : nullptr), inputs.options(), ranks,
               sharding, offload) {
    transformer_.expect_length(inputs.longest());
    Optimizer& optimizer = trainer_.optimizer();
    if (adapter_) {
        if (inputs.adapter)
            inputs.adapter->load(optimizer.master().backend(), optimizer.master());
        else
            initialise(optimizer.master().backend(), optimizer.master(), inputs.config.seed);
        optimizer.master_changed();
        trainer_.take_reference();
    } else if (&optimizer.master() != &model_.kept() && !weights.all_are(FileDType::bf16, model_.kept())) {
        // The optimizer copied the policy, but the files hold more digits than its dtype.
        weights.load(optimizer.master().backend(), optimizer.master());
    }
}

bool Replica::compute_reference(ReferencedModel model, const Plan& plan, PlanReference& reference,
                                const BinProgress& progress, const StopRequested& stop) {
    if (model == ReferencedModel::other && !other_)
        other_ = std::make_unique<ReferenceModel>(backend_, inputs_.options().reference_model,
                                                  inputs_.longest(), 1, inputs_.config.precision);
    if (model == ReferencedModel::other)
        return trainer_.compute_reference(plan, reference, other_->transformer(), other_->parameters(),
                                          progress, stop);
    const Policy& policy = trainer_.policy();
    return trainer_.compute_reference(
        plan, reference, transformer_,
        model == ReferencedModel::policy ? policy.view() : policy.view_with(nullptr), progress, stop);
}

}  // namespace wishbone
