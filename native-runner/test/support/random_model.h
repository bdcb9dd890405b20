#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "io/safetensors.h"
#include "model/config.h"

namespace wishbone::test {

/// A Llama small enough for tests: GQA, several layers.
ModelConfig tiny_config(bool tied = true);

/// `config.json` as transformers would write it.
nlohmann::ordered_json config_json(const ModelConfig& config);

/// A Hugging Face folder with normally distributed weights (standard deviation 0.05, norms around 1), the
/// same for the same seed. `dtype` F32, F16 or BF16; several `shards` are written with an index.
void write_random_model(const std::filesystem::path& folder, const ModelConfig& config, std::uint32_t seed,
                        FileDType dtype = FileDType::f32, int shards = 1);

/// Writes a safetensors file without the runner's own writer.
void write_raw_safetensors(const std::filesystem::path& file, const nlohmann::ordered_json& header,
                           std::string_view data);

}  // namespace wishbone::test
