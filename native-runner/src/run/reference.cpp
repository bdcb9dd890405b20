#include "run/reference.h"

#include <functional>
#include <memory>
#include <utility>

namespace wishbone {

void begin_hash(WeightsHash& hash, const RunInputs& inputs) {
    const bool is_there = std::filesystem::exists(inputs.train.reference_file);
    if (inputs.precomputes_reference() && !inputs.options().reference_follows_sft() && !is_there)
        hash.begin();
}

RunReference::RunReference(const RunInputs& inputs, WeightsHash& hash, Replicas& replicas, Reporter& reporter,
                           std::optional<std::int64_t> resumed_after, StopRequested stop)
    : inputs_(inputs),
      replicas_(replicas),
      reporter_(reporter),
      stop_(std::move(stop)),
      precomputed_(inputs.options(), inputs.reference_folder(), hash, inputs.longest(),
                   replicas.first().backend(), inputs.config.precision,
                   std::bind_front(&Replicas::compute_reference, &replicas)),
      stopped_(!prepare(resumed_after)) {}

bool RunReference::prepare(std::optional<std::int64_t> resumed_after) {
    const TrainingOptions& options = inputs_.options();
    if (!replicas_.first().trainer().needs_reference()) return true;
    if (!inputs_.precomputes_reference()) {
        if (!options.reference_model.empty()) replicas_.use_reference_model();
        return true;
    }
    if (options.reference_follows_sft()) {
        // Until the supervised steps are done there is none.
        return resumed_after.value_or(0) <= options.sft_steps ||
               take([&](const ReferencedPlan& of) { return std::optional(precomputed_.kept(of)); });
    }
    reporter_.begin_phase("reference");
    return take([&](const ReferencedPlan& of) {
        return precomputed_.of_start_model(of, reporter_.progress("reference"), stop_);
    });
}

bool RunReference::after_step(std::int64_t done) {
    const TrainingOptions& options = inputs_.options();
    if (!options.reference_follows_sft() || done != options.sft_steps ||
        !replicas_.first().trainer().needs_reference())
        return true;
    replicas_.take_reference();
    if (!inputs_.precomputes_reference()) return true;
    reporter_.begin_phase("reference");
    const bool whole = take([&](const ReferencedPlan& of) {
        return precomputed_.of_policy(of, reporter_.progress("reference"), stop_);
    });
    if (whole) reporter_.begin_phase("train");
    return whole;
}

/// Sets the reference of both plans from what `source` says of each. False when stopped.
template <typename Source>
bool RunReference::take(Source source) {
    std::optional<PlanReference> of_train = source(inputs_.train);
    if (!of_train) return false;
    replicas_.set_reference(*of_train);
    if (!inputs_.eval) return true;
    std::optional<PlanReference> of_eval = source(*inputs_.eval);
    if (!of_eval) return false;
    of_eval_ = std::move(*of_eval);
    return true;
}

}  // namespace wishbone
