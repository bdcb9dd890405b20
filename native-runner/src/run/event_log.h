#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "core/file_descriptor.h"

namespace wishbone {

/// `events.jsonl` (docs/formats.md): append-only, one write a line. Opening an existing log goes on after its
/// highest `seq` and finishes a line that was cut off, so that the next event stands on a line of its own. Events may be written from
/// any thread.
class EventLog {
  public:
    /// Throws Error(cannot_write).
    explicit EventLog(std::filesystem::path file);

    /// Adds `seq`, `time` and `type`. Throws Error(cannot_write).
    void write(const std::string& type, const nlohmann::ordered_json& fields);
    /// Makes what was written durable.
    void sync();

    std::int64_t next_seq() const;
    /// Skips numbers that another copy of the log is known to have used.
    void raise_next_seq(std::int64_t least);
    /// Whether an event of type `start` was in the log when it was opened.
    bool has_started() const { return has_started_; }

  private:
    void scan();

    mutable std::mutex mutex_;
    std::filesystem::path file_;
    FileDescriptor fd_;
    std::int64_t next_seq_ = 0;
    bool has_started_ = false;
    bool line_is_cut_ = false;
};

/// Now as ISO 8601 in UTC with milliseconds.
std::string timestamp();

}  // namespace wishbone
