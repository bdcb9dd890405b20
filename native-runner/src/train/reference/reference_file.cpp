#include "train/reference/reference_file.h"

#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/sha256.h"
#include "core/terminal.h"
#include "io/safetensors.h"

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

std::optional<std::vector<double>> read_reference_logps(const std::filesystem::path& file,
                                                        const std::string& made_for, std::size_t keys) {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) return std::nullopt;
    const SafetensorsFile tensors(file);
    const auto found = tensors.metadata().find("made_for");
    if (found == tensors.metadata().end() || found->second != made_for) return std::nullopt;
    const FileTensor& logps = tensors.at("logps");
    if (logps.dtype != FileDType::f64 ||
        logps.shape != std::vector<std::int64_t>{static_cast<std::int64_t>(keys)})
        throw bad_input("Expected F64 with one value a key", file.string() + ": logps",
                        "Remove the file; it will be computed again from the start model.");
    std::vector<double> values(keys);
    std::memcpy(values.data(), logps.data, logps.bytes);
    return values;
}

void write_reference_logps(const std::filesystem::path& file, const std::string& made_for,
                           std::span<const double> logps) {
    write_safetensors(
        file,
        {{"logps", FileDType::f64, {static_cast<std::int64_t>(logps.size())}, std::as_bytes(logps)}},
        {{"format", "wishbone-reference"}, {"made_for", made_for}});
}

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
        std::filesystem::create_directories(file_.parent_path(), error);
        write_reference_logps(file_, made_for_, logps);
    } catch (const Error& error) {
        warn(std::string("the reference was not cached: ") + error.what() + " (" + error.where() + ")");
    }
}

}  // namespace wishbone
