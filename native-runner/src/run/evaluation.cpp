#include "run/evaluation.h"

#include <utility>

#include "core/error.h"
#include "core/stopwatch.h"
#include "run/metric_fields.h"

namespace wishbone {

Evaluation::Evaluation(const RunInputs& inputs, Replicas& replicas, const RunReference& reference,
                       Reporter& reporter, BestModel best, StopRequested stop)
    : inputs_(inputs),
      replicas_(replicas),
      reference_(reference),
      reporter_(reporter),
      best_(std::move(best)),
      stop_(std::move(stop)) {}

bool Evaluation::is_due(std::int64_t done) const {
    return inputs_.eval && done > inputs_.options().sft_steps && best_.last_step() != done &&
           (done == inputs_.steps() || done % inputs_.options().eval_steps == 0);
}

Evaluation::Outcome Evaluation::after_step(std::int64_t done) {
    if (!is_due(done)) return Outcome::none;
    const TrainingOptions& options = inputs_.options();
    const Stopwatch watch;
    const auto result = replicas_.evaluate(inputs_.eval->plan, reference_.of_eval(), stop_);
    if (!result) return Outcome::stopped;
    const double seconds = watch.seconds();
    reporter_.spent("evaluation", seconds);
    const auto metrics =
        metric_fields(result->all.mean(), replicas_.first().trainer().preference_loss(), "eval_");
    const auto metric = metrics.find(options.metric_for_best_model);
    if (metric == metrics.end())
        throw bad_input("There is no metric \"" + options.metric_for_best_model + "\" in an evaluation",
                        inputs_.run_json() + ": training.metric_for_best_model",
                        "Use eval_loss, eval_rewards/accuracies or eval_rewards/margins.");
    const bool is_best = best_.add(done, metric->get<double>(), options);
    reporter_.evaluation({done, *result, metrics, seconds, is_best});
    if (should_stop() && done < inputs_.steps()) reporter_.stopped_early(best_);
    return is_best ? Outcome::best : Outcome::worse;
}

}  // namespace wishbone
