#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "io/safetensors.h"
#include "model/transformer/transformer.h"
#include "pretrained/export_dtypes.h"
#include "pretrained/placed_tensors.h"

namespace wishbone {

/// Parameters (or gradients, or an optimizer moment) that are stored under `prefix` + Hugging Face name.
struct Prefixed {
    std::string prefix;
    PlacedTensors tensors;
};

/// Writes all sets into one safetensors file, in F32 or in another dtype. Of shards the file is what it is of the whole.
void write_parameters(const std::filesystem::path& file, const std::vector<Prefixed>& sets,
                      FileDType dtype = FileDType::f32);

/// Where parameters go that are stored under `prefix` + Hugging Face name.
struct PrefixedTarget {
    std::string prefix;
    const NamedTensors* parameters;
};

/// Reads a file that `write_parameters` wrote; for a shard what it holds. Throws Error(bad_input) when names or shapes differ.
void read_parameters(const std::filesystem::path& file, Backend& backend,
                     const std::vector<PrefixedTarget>& sets);

/// Gives a parameter's values, in F32.
using ParameterValues = std::function<void(const ParameterShape& parameter, std::vector<float>& values)>;

/// An export's weights are one file up to here, and files of at most so much beyond: as transformers has it.
constexpr std::uint64_t most_shard_bytes = 5'000'000'000;

/// What an export is made like: where its other files come from (copy_companions), and its dtypes.
struct ExportSource {
    std::filesystem::path model;           ///< the folder training started from
    std::filesystem::path own_files = {};  ///< that go before the model's
    ExportDTypes dtypes = ExportDTypes(FileDType::f32);
    /// A file that `write_parameters` made of the same parameters in F32, or none: an export that would hold the same bytes takes
    /// them from there and does not write them again.
    std::filesystem::path written = {};
};

/// Writes a model as a Hugging Face folder: config.json of `source` with the dtype of the weights, generation config,
/// tokenizer, templates and licence copied, weights in the dtypes of `source` (rounded to nearest, ties to even), in shards
/// of at most `shard_bytes`. Where F16 cannot hold a value, all are F32, and stderr says so. The folder appears whole or not at
/// all and replaces an older one.
void export_model(const std::filesystem::path& folder, const ExportSource& source,
                  const std::vector<ParameterShape>& parameters, const ParameterValues& values,
                  std::uint64_t shard_bytes = most_shard_bytes);
/// The same of a model on a device, or on several.
void export_model(const std::filesystem::path& folder, const ExportSource& source,
                  const PlacedTensors& parameters, std::uint64_t shard_bytes = most_shard_bytes);

/// Calls `write` with the dtypes that were asked for, and again with F32 for all where F16 could not hold a value.
void with_dtypes(const ExportDTypes& wanted, const std::function<void(const ExportDTypes&)>& write);

}  // namespace wishbone
