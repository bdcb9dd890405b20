#include "run/replica.h"

namespace wishbone {

namespace {

std::int64_t parts(const Communicator& ranks, Sharding sharding) {
    return sharding == Sharding::none ? 1 : ranks.size();
}

Parameters loaded(Backend& backend, const RunInputs& inputs, const ModelWeights& weights,
                  std::int64_t parts) {
    Parameters parameters(backend, inputs.model, backend.activation_dtype(),
                          inputs.options().lora ? 1 : parts);
    weights.load(backend, parameters);
    return parameters;
}

std::optional<Lora> room_for_adapter(Backend& backend, const RunInputs& inputs, std::int64_t parts) {
    if (!inputs.options().lora) return std::nullopt;
    return std::optional<Lora>(std::in_place, backend, inputs.model, inputs.modules,
                               backend.activation_dtype(), parts);
}

}  // namespace

Replica::Replica(const RunInputs& inputs, const ModelWeights& weights, Backend& backend, Communicator& ranks,
                 Sharding sharding)
    : inputs_(inputs),
      backend_(backend),
      parameters_(loaded(backend, inputs, weights, parts(ranks, sharding))),
      transformer_(backend, inputs.model, inputs.config.recompute),
      adapter_(room_for_adapter(backend, inputs, parts(ranks, sharding))),
      // The trainer copies an in-step reference from the policy, which is still the start model here.
      trainer_(backend, transformer_, adapter_ ? Policy(parameters_, *adapter_) : Policy(parameters_),
               inputs.options(), ranks, sharding) {
    transformer_.expect_length(inputs.longest());
    Optimizer& optimizer = trainer_.optimizer();
    if (adapter_) {
        if (inputs.adapter)
            inputs.adapter->load(backend, optimizer.master());
        else
            initialise(backend, optimizer.master(), inputs.config.seed);
        optimizer.master_changed();
        trainer_.take_reference();
    } else if (&optimizer.master() != &parameters_ && !weights.all_are(FileDType::bf16, parameters_)) {
        // The optimizer copied the policy, but the files hold more digits than its dtype.
        weights.load(backend, optimizer.master());
    }
}

bool Replica::compute_reference(ReferencedModel model, const Plan& plan, PlanReference& reference,
                                const BinProgress& progress, const StopRequested& stop) {
    if (model == ReferencedModel::other && !other_)
        other_ =
            std::make_unique<ReferenceModel>(backend_, inputs_.options().reference_model, inputs_.longest());
    if (model == ReferencedModel::other)
        return trainer_.compute_reference(plan, reference, other_->transformer(), other_->parameters(),
                                          progress, stop);
    const Policy& policy = trainer_.policy();
    return trainer_.compute_reference(
        plan, reference, transformer_,
        model == ReferencedModel::policy ? policy.view() : ModelView(policy.base), progress, stop);
}

}  // namespace wishbone
