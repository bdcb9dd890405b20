#include "run/sampling.h"

#include <utility>

#include "core/stopwatch.h"
#include "train/reference/reference_model.h"

namespace wishbone {

Sampling::Sampling(const RunInputs& inputs, Replica& replica, Reporter& reporter,
                   std::optional<std::int64_t> resumed_after, StopRequested stop)
    : inputs_(inputs),
      replica_(replica),
      reporter_(reporter),
      resumed_after_(resumed_after),
      stop_(std::move(stop)) {
    if (inputs.options().sample_steps > 0)
        samples_.emplace(inputs.eval ? inputs.eval->plan : inputs.train.plan, inputs.options(),
                         inputs.config.seed, inputs.longest(), end_tokens_of(inputs.config.model));
}

bool Sampling::after_step(std::int64_t done, bool over) {
    // What led to the checkpoint said so then.
    if (!samples_ || done == resumed_after_) return true;
    const TrainingOptions& options = inputs_.options();
    const bool reference_is_new = done == (options.reference_follows_sft() ? options.sft_steps : 0);
    if (reference_is_new && !of_reference(done)) return false;
    if (done == 0 || (!over && done % options.sample_steps != 0)) return true;
    return write(done, "policy", replica_.transformer(), replica_.trainer().policy().view());
}

/// What the policy is held to, or started from.
bool Sampling::of_reference(std::int64_t done) {
    const TrainingOptions& options = inputs_.options();
    if (options.reference_model.empty()) {
        const Policy& policy = replica_.trainer().policy();
        const bool is_policy = options.reference_follows_sft() || options.reference_is_start_adapter();
        return write(done, "reference", replica_.transformer(),
                     is_policy ? policy.view() : policy.view_with(nullptr));
    }
    if (ReferenceModel* kept = replica_.trainer().reference_model())
        return write(done, "reference", kept->transformer(), kept->parameters());
    ReferenceModel model(replica_.backend(), options.reference_model, inputs_.longest());
    return write(done, "reference", model.transformer(), model.parameters());
}

bool Sampling::write(std::int64_t done, const char* whose, Transformer& transformer, const ModelView& model) {
    const Stopwatch watch;
    const auto completed = samples_->complete(replica_.backend(), transformer, model, stop_);
    reporter_.spent("samples", watch.seconds());
    if (!completed) return false;
    reporter_.sample(done, whose, *completed);
    return true;
}

}  // namespace wishbone
