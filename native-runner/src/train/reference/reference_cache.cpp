#include "train/reference/reference_cache.h"

#include <utility>

#include "core/error.h"
#include "core/sha256.h"
#include "core/terminal.h"
#include "io/cache_folder.h"
#include "train/reference/reference_file.h"

namespace wishbone {

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
        make_cache_folder(file_.parent_path());
        write_reference_logps(file_, made_for_, logps);
    } catch (const Error& error) {
        warn(std::string("the reference was not cached: ") + error.what() + " (" + error.where() + ")");
    }
}

}  // namespace wishbone
