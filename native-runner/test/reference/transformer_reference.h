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

/// Logits [T, V] of one causal sequence. `longest`: see model/rope_table.h.
std::vector<double> logits(const ModelConfig& config, const Weights& weights,
                           std::span<const std::int32_t> tokens, std::int64_t longest = 0);

/// log P(tokens[i] | tokens before i) for i from `start` (>= 1) on.
std::vector<double> logps(const ModelConfig& config, const Weights& weights,
                          std::span<const std::int32_t> tokens, std::size_t start, std::int64_t longest = 0);

/// RoPE angle of a pair of dimensions at a position, radians, and what cos and sin are multiplied by.
double rope_angle(const ModelConfig& config, const Rope& rope, std::int64_t longest, std::int64_t position,
                  std::int64_t pair);
double rope_factor(const Rope& rope);

}  // namespace wishbone::reference
