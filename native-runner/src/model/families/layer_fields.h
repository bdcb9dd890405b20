#pragma once

#include <cstdint>
#include <functional>
#include <limits>

#include "io/json.h"
#include "model/config.h"

namespace wishbone {

/// Of a number in `config.json`.
constexpr std::int64_t largest_size = std::numeric_limits<std::int32_t>::max();

/// Windows as a family's own fields give them.
struct Windows {
    std::int64_t size = 0;  ///< 0: none
    /// Whether a layer has the window where `layer_types` does not say.
    std::function<bool(std::int64_t layer)> slides;
    bool listed = false;  ///< `layer_types` decides; elsewhere it may only say what is so anyway
};

inline const Windows no_window = {.slides = [](std::int64_t) { return false; }};

/// Reads `layer_types` and sets `config.layer_kinds`. Throws Error(bad_input).
void read_windows(JsonFields& fields, ModelConfig& config, const Windows& windows);

/// `sliding_window` of every layer: absent is `otherwise`, null is none.
Windows read_window_of_all(JsonFields& fields, std::int64_t otherwise);
/// `sliding_window` where `use_sliding_window` is set, else 0: absent is `otherwise`, null is none.
std::int64_t read_optional_window(JsonFields& fields, std::int64_t otherwise);
/// The same for the layers from `max_window_layers` on, as Qwen has it.
Windows read_last_windows(JsonFields& fields);

}  // namespace wishbone
