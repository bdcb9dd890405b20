#pragma once

#include "core/callbacks.h"
#include "run/checkpoints.h"
#include "run/evaluation.h"
#include "run/inputs.h"
#include "run/process/run_lock.h"
#include "run/reference.h"
#include "run/replicas.h"
#include "run/reporter.h"
#include "run/sampling.h"

namespace wishbone {

/// What the loop works with.
struct LoopParts {
    const RunInputs& inputs;
    const RunLock& lock;
    Replicas& replicas;
    Reporter& reporter;
    RunReference& reference;
    Evaluation& evaluation;
    Sampling& sampling;
    Checkpoints& checkpoints;
};

/// Trains from where the trainer stands to the last step, or to the one where evaluations have not got better for long. False
/// when stopped; what was done is then in a checkpoint. A stop is asked for between steps, and by the parts within what they do.
bool train_steps(const LoopParts& parts, const StopRequested& stop);

}  // namespace wishbone
