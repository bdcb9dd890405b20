#pragma once

#include <cstdint>
#include <functional>

#include "io/json.h"
#include "model/config.h"

namespace wishbone {

/// Reads RoPE from the top of `config.json`: `rope_theta`, `partial_rotary_factor` and `rope_scaling`, or the
/// newer `rope_parameters` with all in one. `rope` holds the defaults. Needs the sizes in `config`.
void read_rope(JsonFields& fields, const ModelConfig& config, Rope& rope);

/// Reads one object of RoPE fields (`rope_scaling`, `rope_parameters` or a part of it).
void read_rope_object(JsonFields scaling, const ModelConfig& config, Rope& rope,
                      std::int64_t original_max_position_embeddings);

/// Reads `layer_types`; where it is absent, `slides(layer)` says whether a layer has the window. Layers with
/// one get `window` (0: none) in `config.layer_kinds`.
void read_windows(JsonFields& fields, ModelConfig& config, std::int64_t window,
                  const std::function<bool(std::int64_t)>& slides);

/// The window of Qwen's and SmolLM3's files: `sliding_window`, or 0 unless `use_sliding_window` is set.
std::int64_t read_optional_window(JsonFields& fields);

}  // namespace wishbone
