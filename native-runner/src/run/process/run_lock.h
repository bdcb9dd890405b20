#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>

#include "core/file_descriptor.h"

namespace wishbone {

/// Holds `run.lock` of a run folder (flock) as long as it lives, or as its process does.
class RunLock {
  public:
    /// Waits for so long at most where another runner holds it whose run is over, by the last event of the folder: that one is about to
    /// go. Throws Error(bad_input) when another runner holds it, Error(cannot_write) when the file cannot be made.
    explicit RunLock(const std::filesystem::path& run_folder,
                     std::chrono::duration<double> patience = std::chrono::seconds(10));

    /// To be called before anything is written by name: throws Error(cannot_write) when the folder at the path is no
    /// longer the one that was locked. Writing on would leave half a run folder where a whole one was.
    void check() const;

  private:
    bool take();

    std::filesystem::path file_;
    FileDescriptor fd_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

}  // namespace wishbone
