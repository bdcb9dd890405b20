#pragma once

#include <filesystem>

namespace wishbone {

/// Carries out the run in `folder` (docs/formats.md, "Run folder") from its start, or with `resume` from its
/// newest whole checkpoint, and writes events, checkpoints and the exported model. Returns when the run is
/// finished or stopped by a signal; throws Error after writing a `failed` event.
void run_training(const std::filesystem::path& folder, bool resume);

}  // namespace wishbone
