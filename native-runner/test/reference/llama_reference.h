#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/config.h"

/// Plain double implementations, one sequence at a time and without any sharing, written apart from the
/// runner's code so that tests hold one against the other. Slow on purpose: loops follow the formulas.
namespace wishbone::reference {

/// Parameters under their Hugging Face names, row-major.
using Weights = std::map<std::string, std::vector<double>>;

/// Names and sizes of a config's parameters.
std::map<std::string, std::vector<std::int64_t>> parameter_shapes(const LlamaConfig& config);

/// Logits [T, V] of one causal sequence.
std::vector<double> logits(const LlamaConfig& config, const Weights& weights,
                           std::span<const std::int32_t> tokens);

/// log P(tokens[i] | tokens before i) for i from `start` (>= 1) on.
std::vector<double> logps(const LlamaConfig& config, const Weights& weights,
                          std::span<const std::int32_t> tokens, std::size_t start);

/// RoPE angle of a pair of dimensions at a position, radians.
double rope_angle(const LlamaConfig& config, std::int64_t position, std::int64_t pair);

}  // namespace wishbone::reference
