#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

namespace wishbone {

/// Gives every line of an event log that is a JSON object to `take`, in order. A log may hold anything after a crash:
/// lines that are cut, are not a JSON object, or are nested deeper than 64 or longer than 64 MiB are skipped, and a log that
/// is not a regular file, or cannot be opened, has no lines.
///
/// Returns whether the last line is unfinished: whatever is written next must begin with a line break.
bool for_each_event(const std::filesystem::path& file,
                    const std::function<void(nlohmann::ordered_json&&)>& take);

/// The last line, where it is whole, such an object, and no longer than a MiB. Quick, however long the log is.
std::optional<nlohmann::ordered_json> last_event(const std::filesystem::path& file);

}  // namespace wishbone
