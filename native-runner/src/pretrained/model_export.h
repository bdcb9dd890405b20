#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "io/safetensors.h"
#include "model/transformer/transformer.h"

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

/// Where an export's other files come from (copy_companions).
struct ExportSource {
    ExportSource(std::filesystem::path the_model, std::filesystem::path the_own_files = {})
        : model(std::move(the_model)), own_files(std::move(the_own_files)) {}

    std::filesystem::path model;      ///< the folder training started from
    std::filesystem::path own_files;  ///< that go before the model's
};

/// Writes a model as a Hugging Face folder: config.json of `source` with its dtype set to float32,
/// generation config, tokenizer, templates and licence copied, weights in F32, in shards of at most
/// `shard_bytes`. The folder appears whole or not at all and replaces an older one.
void export_model(const std::filesystem::path& folder, const ExportSource& source,
                  const std::vector<ParameterShape>& parameters, const ParameterValues& values,
                  std::uint64_t shard_bytes = 5'000'000'000);
/// The same of a model on a backend.
void export_model(const std::filesystem::path& folder, const ExportSource& source, Backend& backend,
                  const NamedTensors& parameters, std::uint64_t shard_bytes = 5'000'000'000);

}  // namespace wishbone
