#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace wishbone {

/// Reference log-probabilities in a file: `logps` F64 [number of keys], with `made_for` in its metadata: what
/// they depend on. Nothing when there is no such file, or one made for something else. Throws
/// Error(bad_input) when the file is damaged.
std::optional<std::vector<double>> read_reference_logps(const std::filesystem::path& file,
                                                        const std::string& made_for, std::size_t keys);
void write_reference_logps(const std::filesystem::path& file, const std::string& made_for,
                           std::span<const double> logps);

}  // namespace wishbone
