#pragma once

#include <filesystem>

namespace wishbone {

/// Where what can be computed again is kept, for all runs of a person: `$WISHBONE_CACHE`, else `$XDG_CACHE_HOME/wishbone`, else
/// `~/.cache/wishbone`. Empty where there is no such place. It may not exist yet, and may go at any time.
std::filesystem::path cache_folder();

/// Makes a folder in it, for its owner alone, unless it is there: data of others may come to lie beside what is kept. What goes
/// wrong shows when a file is written there.
void make_cache_folder(const std::filesystem::path& folder);

}  // namespace wishbone
