#include "train/reference/reference_cache.h"

#include <cstdlib>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/sha256.h"
#include "core/terminal.h"
#include "train/reference/reference_file.h"

namespace wishbone {

namespace {

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

}  // namespace

ReferenceCache::ReferenceCache(std::string made_for) : made_for_(std::move(made_for)) {
    const std::filesystem::path folder = cache_folder();
    if (folder.empty()) return;
    Sha256 hash;
    hash.update(std::as_bytes(std::span(made_for_)));
    file_ = folder / "reference" / (hash.hex() + ".safetensors");
}

std::optional<std::vector<double>> ReferenceCache::find(std::size_t keys) const {
    if (file_.empty()) return std::nullopt;
    try {
        return read_reference_logps(file_, made_for_, keys);
    } catch (const Error& error) {
        warn(std::string("cached reference passed over: ") + error.what() + " (" + error.where() + ")");
        return std::nullopt;
    }
}

void ReferenceCache::store(std::span<const double> logps) const {
    if (file_.empty()) return;
    try {
        std::error_code error;
        // Data of others may come to lie beside it: as on the TypeScript side, folders made here are for their owner alone.
        if (std::filesystem::create_directories(file_.parent_path(), error))
            std::filesystem::permissions(file_.parent_path(), std::filesystem::perms::owner_all, error);
        write_reference_logps(file_, made_for_, logps);
    } catch (const Error& error) {
        warn(std::string("the reference was not cached: ") + error.what() + " (" + error.where() + ")");
    }
}

}  // namespace wishbone
