#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace wishbone::test {

std::string read_file(const std::filesystem::path& file);
void write_file(const std::filesystem::path& file, std::string_view bytes);

/// Events of a log, one a whole line; lines that are no JSON are left out.
std::vector<nlohmann::json> read_events(const std::filesystem::path& file);
/// Events of one type.
std::vector<nlohmann::json> events_of_type(const std::filesystem::path& file, const std::string& type);

/// All names in a folder and below that hold `part`.
std::vector<std::string> names_containing(const std::filesystem::path& folder, const std::string& part);

}  // namespace wishbone::test
