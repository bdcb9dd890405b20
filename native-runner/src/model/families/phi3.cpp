#include "model/families/family.h"
#include "model/families/layer_fields.h"

namespace wishbone {

/// Phi-3, 3.5 and 4 (the dense text models): fused projections, LongRoPE, a window.
const Family phi3 = {
    .architecture = "Phi3ForCausalLM",
    .model_type = "phi3",
    .defaults =
        [](ModelConfig& config) {
            config.max_position_embeddings = 4096;
            config.rms_norm_eps = 1e-5;
            config.fused_projections = true;
        },
    .read =
        [](JsonFields& fields, ModelConfig& config) {
            const std::int64_t window = fields.integer("sliding_window", 0, 1 << 30, 0);
            read_windows(fields, config, window, [&](std::int64_t) { return window > 0; });
        },
};

}  // namespace wishbone
