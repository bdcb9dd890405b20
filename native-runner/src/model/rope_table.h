#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"

namespace wishbone {

/// Elements of a head that are rotated.
std::int64_t rotated_elements(const ModelConfig& config, const Rope& rope);

/// Angular frequencies, radians a position, [rotated / 2]: theta^(-2i / rotated) (arXiv 2104.09864, eq. 15),
/// changed as the scaling says. `longest`: length of the longest sequence, on which dynamic scaling and
/// LongRoPE depend; one for all sequences of a run, so that a token that sequences share is rotated alike in
/// all of them.
std::vector<double> rope_frequencies(const ModelConfig& config, const Rope& rope, std::int64_t longest);

/// What cos and sin are multiplied by.
double rope_attention_factor(const Rope& rope);

/// Whether frequencies depend on `longest`.
bool depends_on_length(const Rope& rope);

/// cos and sin of position · frequency, times the attention factor; each [positions, rotated / 2].
struct RopeTable {
    std::vector<float> cos, sin;
};
RopeTable rope_table(const ModelConfig& config, const Rope& rope, std::int64_t longest,
                     std::int64_t positions);

}  // namespace wishbone
