#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace wishbone {

/// A repository of the Hugging Face hub at a commit.
struct HubOrigin {
    std::string name;    ///< `org/name`
    std::string commit;  ///< 40 hexadecimal digits
};

/// Where a file or folder in a cache of the hub comes from, told by its path alone (`models--org--name/snapshots/commit`, or
/// `datasets--…`).
std::optional<HubOrigin> hub_origin(const std::filesystem::path& path);

/// What to call a file or folder: `org/name` of one from the hub, else its own name, without where it lies.
std::string name_of_path(const std::filesystem::path& path);

}  // namespace wishbone
