#include "train/reference/reference_file.h"

#include <cstring>
#include <system_error>

#include "core/error.h"
#include "io/safetensors.h"

namespace wishbone {

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
        file, {{"logps", FileDType::f64, {static_cast<std::int64_t>(logps.size())}, std::as_bytes(logps)}},
        {{"format", "wishbone-reference"}, {"made_for", made_for}});
}

}  // namespace wishbone
