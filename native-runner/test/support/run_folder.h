#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace wishbone::test {

/// A run.json with every field, for a model folder; tests change fields before they write it.
nlohmann::ordered_json run_json(const std::filesystem::path& model);

}  // namespace wishbone::test
