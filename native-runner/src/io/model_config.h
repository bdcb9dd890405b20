#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model/config.h"

namespace wishbone {

/// Reads `config.json` of a Hugging Face Llama folder, with the defaults of transformers' LlamaConfig.
/// Understands `rope_theta` + `rope_scaling` and the newer `rope_parameters`. Throws Error(bad_input) naming
/// the field for anything the runner does not compute (another architecture, activation, biases, other RoPE
/// scalings, quantization).
LlamaConfig read_model_config(const std::filesystem::path& folder);

/// A parameter as Hugging Face names it.
struct ParameterShape {
    std::string name;
    std::vector<std::int64_t> shape;
};

/// Every parameter of the model; `lm_head.weight` only when the head is not tied.
std::vector<ParameterShape> parameter_shapes(const LlamaConfig& config);

/// Number of elements of all parameters.
std::int64_t parameter_count(const LlamaConfig& config);

}  // namespace wishbone
