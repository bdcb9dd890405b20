#pragma once

#include <filesystem>

#include "core/file_descriptor.h"

namespace wishbone {

/// Holds `run.lock` of a run folder (flock) as long as it lives, or as its process does.
class RunLock {
  public:
    /// Throws Error(bad_input) when another runner holds it, Error(cannot_write) when the file cannot be
    /// made.
    explicit RunLock(const std::filesystem::path& run_folder);

  private:
    FileDescriptor fd_;
};

}  // namespace wishbone
