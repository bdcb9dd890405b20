#pragma once

#include <filesystem>

namespace wishbone {

class Ahead;

/// Carries out the run in `folder` (docs/formats.md, "Run folder") from its start, or with `resume` from its
/// newest whole checkpoint, and writes events, checkpoints and the exported model. Returns when the run is
/// finished or stopped by a signal; throws Error after writing a `failed` event. Of several processes
/// (comm/processes/place.h) the first does this with all of them; in the others `folder` may be empty, and is the first one's then.
/// `ahead`: what was done for the run before.
void run_training(const std::filesystem::path& folder, bool resume, Ahead* ahead = nullptr);

}  // namespace wishbone
