#pragma once

#include <filesystem>

namespace wishbone {

/// Where what can be computed again is kept, for all runs of a person: `$WISHBONE_CACHE`, else `$XDG_CACHE_HOME/wishbone`, else
/// `~/.cache/wishbone`. Empty where there is no such place. It may not exist yet, and may go at any time.
std::filesystem::path cache_folder();

}  // namespace wishbone
