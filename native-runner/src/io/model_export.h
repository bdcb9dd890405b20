#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "io/safetensors.h"
#include "model/transformer.h"

namespace wishbone {

/// Parameters (or gradients, or an optimizer moment) to be stored under `prefix` + Hugging Face name.
struct Prefixed {
    std::string prefix;
    const NamedTensors* parameters;
};

/// Writes all sets into one safetensors file in F32.
void write_parameters(const std::filesystem::path& file, Backend& backend,
                      const std::vector<Prefixed>& sets);

/// Reads a file that `write_parameters` wrote. Throws Error(bad_input) when names or shapes differ.
void read_parameters(const std::filesystem::path& file, Backend& backend,
                     const std::vector<Prefixed>& sets);

/// Gives a parameter's values, in F32.
using ParameterValues = std::function<void(const ParameterShape& parameter, std::vector<float>& values)>;

/// Copies what belongs to a tokenizer, as far as `source` has it.
void copy_tokenizer(const std::filesystem::path& folder, const std::filesystem::path& source);

/// Writes a model as a Hugging Face folder: config.json of `source` with its dtype set to float32,
/// the tokenizer and generation files copied, weights in F32, in shards of at most `shard_bytes`. The folder
/// appears whole or not at all and replaces an older one.
void export_model(const std::filesystem::path& folder, const std::filesystem::path& source,
                  const std::vector<ParameterShape>& parameters, const ParameterValues& values,
                  std::uint64_t shard_bytes = 5'000'000'000);
/// The same of a model on a backend.
void export_model(const std::filesystem::path& folder, const std::filesystem::path& source, Backend& backend,
                  const NamedTensors& parameters, std::uint64_t shard_bytes = 5'000'000'000);

}  // namespace wishbone
