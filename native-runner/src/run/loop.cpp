#include "run/loop.h"

#include "core/stopwatch.h"
#include "train/optimizer/schedule.h"

namespace wishbone {

namespace {

void do_step(const LoopParts& parts, std::int64_t step) {
    const RunInputs& inputs = parts.inputs;
    const double learning_rate = learning_rate_at(step, inputs.steps(), inputs.options());
    const Stopwatch watch;
    const StepResult result = parts.replicas.step(inputs.train.plan, step, learning_rate);
    const double seconds = watch.seconds();
    parts.reporter.step({step + 1, result, parts.replicas.first().trainer().loss_of(step), seconds,
                         learning_rate, parts.replicas.peak_memory()});
}

}  // namespace

bool train_steps(const LoopParts& parts, const StopRequested& stop) {
    const auto& [inputs, lock, replicas, reporter, reference, evaluation, sampling, checkpoints] = parts;
    reporter.begin_phase("train");
    for (std::int64_t done = replicas.first().trainer().updates();; ++done) {
        const auto stopped = [&parts, done] {
            parts.checkpoints.save(done, parts.evaluation.best());
            return false;
        };
        if (!reference.after_step(done)) return stopped();
        const Evaluation::Outcome evaluated = evaluation.after_step(done);
        if (evaluated == Evaluation::Outcome::stopped) return stopped();
        const bool over = done == inputs.steps() || evaluation.should_stop();
        if (!sampling.after_step(done, over)) return stopped();
        checkpoints.after_step(done, over, evaluation.best(), evaluated == Evaluation::Outcome::best);
        if (over) return true;  // What the last step wrote may still be under way.
        if (stop()) return stopped();
        lock.check();
        do_step(parts, done);
    }
}

}  // namespace wishbone
