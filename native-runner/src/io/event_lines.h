#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

namespace wishbone {

/// Gives every line of an event log that is a JSON object to `take`, in order. A log may hold anything after a crash:
/// lines that are cut, are no JSON object, are nested deeper than 64 or longer than 64 MiB are passed over, and a log that
/// is no regular file, or cannot be opened, has no lines.
///
/// Returns whether the last line has no end: whatever is written next must begin with one.
bool for_each_event(const std::filesystem::path& file,
                    const std::function<void(nlohmann::ordered_json&&)>& take);

}  // namespace wishbone
