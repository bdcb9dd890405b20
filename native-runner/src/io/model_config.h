#pragma once

#include <filesystem>

#include "model/config.h"

namespace wishbone {

/// Reads `config.json` of a Hugging Face folder of one of the families in model/families, with transformers'
/// defaults. Understands `rope_theta` + `rope_scaling` and the newer `rope_parameters`. Throws
/// Error(bad_input) naming the field for anything the runner does not compute (another architecture,
/// activation or RoPE scaling, quantization).
ModelConfig read_model_config(const std::filesystem::path& folder);

}  // namespace wishbone
