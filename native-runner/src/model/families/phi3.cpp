#include "model/families/family.h"
#include "model/families/layer_fields.h"

namespace wishbone {

/// Phi-3, 3.5 and 4 (the dense text models): fused projections, LongRoPE, a window.
const Family phi3 = {
    .architecture = "Phi3ForCausalLM",
    .model_type = "phi3",
    .not_null = {"hidden_act", "head_dim", "original_max_position_embeddings"},
    .defaults =
        [](ModelConfig& config) {
            config.max_position_embeddings = 4096;
            config.rms_norm_eps = 1e-5;
            config.fused_projections = true;
        },
    .read = [](JsonFields& fields,
               ModelConfig& config) { read_windows(fields, config, read_window_of_all(fields, 0)); },
    .rope = {.partial = true, .long_alone = true, .original = 4096},
};

}  // namespace wishbone
