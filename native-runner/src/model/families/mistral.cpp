#include "model/families/family.h"
#include "model/families/layer_fields.h"

namespace wishbone {

const Family mistral = {
    .architecture = "MistralForCausalLM",
    .model_type = "mistral",
    .defaults = [](ModelConfig& config) { config.max_position_embeddings = 131072; },
    .read =
        [](JsonFields& fields, ModelConfig& config) {
            // Absent is 4096, null is no window.
            const bool none = fields.present("sliding_window") && !fields.has("sliding_window");
            const std::int64_t window = none ? 0 : fields.integer("sliding_window", 1, 1 << 30, 4096);
            read_windows(fields, config, window, [&](std::int64_t) { return window > 0; });
        },
};

}  // namespace wishbone
