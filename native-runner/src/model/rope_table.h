#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"

namespace wishbone {

/// Angular frequencies of RoPE, radians a position, [head_dim / 2]: theta^(-2i / head_dim) (arXiv 2104.09864,
/// eq. 15), slowed down for long wavelengths as Llama 3.1 does when the config asks for it.
std::vector<double> rope_frequencies(const LlamaConfig& config);

/// cos and sin of position · frequency, each [positions, head_dim / 2].
struct RopeTable {
    std::vector<float> cos, sin;
};
RopeTable rope_table(const LlamaConfig& config, std::int64_t positions);

}  // namespace wishbone
