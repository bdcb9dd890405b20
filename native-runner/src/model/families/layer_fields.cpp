#include "model/families/layer_fields.h"

namespace wishbone {

void read_windows(JsonFields& fields, ModelConfig& config, const Windows& windows) {
    const auto& types = fields.any("layer_types");
    if (!types.is_null() && (!types.is_array() || static_cast<std::int64_t>(types.size()) != config.layers))
        throw bad_input(
            "layer_types must name a type for each of the " + std::to_string(config.layers) + " layers",
            fields.where("layer_types"), "Correct config.json.");
    config.layer_kinds.resize(static_cast<std::size_t>(config.layers));
    for (std::int64_t i = 0; i < config.layers; ++i) {
        const bool own = windows.slides(i);
        bool sliding = own;
        if (!types.is_null()) {
            const auto& type = types[static_cast<std::size_t>(i)];
            sliding = type == "sliding_attention";
            // "attention" is an older name.
            if (!sliding && type != "full_attention" && type != "attention")
                throw bad_input("The layer type " + type.dump() + " is not supported",
                                fields.where("layer_types"),
                                "Use a model whose layers are \"full_attention\" or \"sliding_attention\".");
        }
        if (!windows.listed && sliding != own)
            throw bad_input("layer_types says otherwise than the other fields, which decide in this family",
                            fields.where("layer_types"), "Correct config.json.");
        if (sliding && windows.size == 0)
            throw bad_input("Layers have a sliding window, but none is given", fields.where("sliding_window"),
                            "Correct config.json.");
        config.layer_kinds[static_cast<std::size_t>(i)].window = sliding ? windows.size : 0;
    }
}

Windows read_window_of_all(JsonFields& fields, std::int64_t otherwise) {
    const bool none = fields.present("sliding_window") && !fields.has("sliding_window");
    std::int64_t size = none ? 0 : otherwise;
    if (fields.has("sliding_window")) size = fields.integer("sliding_window", 1, largest_size);
    return {.size = size, .slides = [size](std::int64_t) { return size > 0; }};
}

std::int64_t read_optional_window(JsonFields& fields, std::int64_t otherwise) {
    if (!fields.boolean("use_sliding_window", false)) return 0;
    if (fields.has("sliding_window")) return fields.integer("sliding_window", 1, largest_size);
    return fields.present("sliding_window") ? 0 : otherwise;
}

Windows read_last_windows(JsonFields& fields) {
    const std::int64_t size = read_optional_window(fields, 4096),
                       first = fields.integer("max_window_layers", 0, largest_size, 28);
    return {.size = size,
            .slides = [size, first](std::int64_t layer) { return size > 0 && layer >= first; },
            .listed = true};
}

}  // namespace wishbone
