#include "model/families/family.h"
#include "model/families/layer_fields.h"

namespace wishbone {

/// Llama 2 and 3.x, SmolLM2, and the many that share the architecture.
const Family llama = {
    .architecture = "LlamaForCausalLM",
    .model_type = "llama",
    .not_null = {"hidden_act", "attention_bias", "mlp_bias"},
    .defaults = [](ModelConfig& config) { config.max_position_embeddings = 2048; },
    .read =
        [](JsonFields& fields, ModelConfig& config) {
            config.qkv_bias = config.attention_out_bias = fields.boolean("attention_bias", false);
            config.mlp_bias = fields.boolean("mlp_bias", false);
            read_windows(fields, config, no_window);
        },
    .divides = true,
};

}  // namespace wishbone
