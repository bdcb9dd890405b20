#pragma once

#include <optional>

#include "run/checkpoint/checkpoint.h"
#include "run/inputs.h"

namespace wishbone {

/// The newest whole checkpoint of the run, once what an interrupted writer left, and checkpoints beyond `save_total_limit`, are removed; nothing when there is none, and
/// the run then starts anew. Throws Error(bad_input) when it was trained with another plan or other settings.
std::optional<Checkpoint> checkpoint_to_resume(const RunInputs& inputs);

}  // namespace wishbone
