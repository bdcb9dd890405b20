#include "io/cache_folder.h"

#include <cstdlib>
#include <system_error>

namespace wishbone {

std::filesystem::path cache_folder() {
    const auto variable = [](const char* name) -> std::filesystem::path {
        const char* value = std::getenv(name);
        return value == nullptr ? "" : value;
    };
    if (const auto own = variable("WISHBONE_CACHE"); !own.empty()) return own;
    if (const auto caches = variable("XDG_CACHE_HOME"); caches.is_absolute()) return caches / "wishbone";
    if (const auto home = variable("HOME"); !home.empty()) return home / ".cache" / "wishbone";
    return {};
}

void make_cache_folder(const std::filesystem::path& folder) {
    std::error_code error;
    if (std::filesystem::create_directories(folder, error))
        std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
}

}  // namespace wishbone
