#pragma once

#include <filesystem>

#include "model/config.h"

namespace wishbone {

/// Reads `config.json` of a Hugging Face folder of one of the families in model/families as transformers 5 reads it,
/// with its defaults, old spellings too. Throws Error(bad_input) naming the field for anything the runner does not
/// compute (another architecture, activation or RoPE scaling, quantization), for null where transformers takes none,
/// and for what is said twice and differently. src/core/model judges in the same order and the same words.
ModelConfig read_model_config(const std::filesystem::path& folder);

}  // namespace wishbone
