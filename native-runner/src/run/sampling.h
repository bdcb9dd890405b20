#pragma once

#include <cstdint>
#include <optional>

#include "core/callbacks.h"
#include "run/inputs.h"
#include "run/replica.h"
#include "run/reporter.h"
#include "run/samples.h"

namespace wishbone {

/// When a run's models complete prompts, and whose turn it is.
class Sampling {
  public:
    /// `resumed_after`: steps done at the checkpoint the run goes on from.
    Sampling(const RunInputs& inputs, Replica& replica, Reporter& reporter,
             std::optional<std::int64_t> resumed_after, StopRequested stop);

    /// Samples what is due: the reference when it is there, the policy every `sample_steps` and at the end (`over`). False
    /// when stopped.
    bool after_step(std::int64_t done, bool over);

  private:
    bool of_reference(std::int64_t done);
    bool write(std::int64_t done, const char* whose, Transformer& transformer, const ModelView& model);

    const RunInputs& inputs_;
    Replica& replica_;
    Reporter& reporter_;
    std::optional<std::int64_t> resumed_after_;
    StopRequested stop_;
    std::optional<RunSamples> samples_;  ///< where the run samples
};

}  // namespace wishbone
