#pragma once

#include <cstdint>
#include <optional>

#include "core/callbacks.h"
#include "run/checkpoint/best_model.h"
#include "run/inputs.h"
#include "run/reference.h"
#include "run/replicas.h"
#include "run/reporter.h"

namespace wishbone {

/// When a run evaluates, and which evaluation was the best.
class Evaluation {
  public:
    /// `best`: of the checkpoint the run goes on from.
    Evaluation(const RunInputs& inputs, Replicas& replicas, const RunReference& reference, Reporter& reporter,
               BestModel best, StopRequested stop);

    enum class Outcome { none, worse, best, stopped };
    /// Evaluates where it is due after `done` steps. Throws Error(bad_input) when the metric that decides is none.
    Outcome after_step(std::int64_t done);

    const BestModel& best() const { return best_; }
    /// Evaluations have not got better for so long that training should end.
    bool should_stop() const { return best_.should_stop(inputs_.options()); }

  private:
    bool is_due(std::int64_t done) const;

    const RunInputs& inputs_;
    Replicas& replicas_;
    const RunReference& reference_;
    Reporter& reporter_;
    BestModel best_;
    StopRequested stop_;
};

}  // namespace wishbone
