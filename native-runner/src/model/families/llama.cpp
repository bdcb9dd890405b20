#include "model/families/family.h"

namespace wishbone {

/// Llama 2 and 3.x, SmolLM2, and the many that share the architecture.
const Family llama = {
    .architecture = "LlamaForCausalLM",
    .model_type = "llama",
    .defaults = [](ModelConfig& config) { config.max_position_embeddings = 2048; },
    .read =
        [](JsonFields& fields, ModelConfig& config) {
            config.qkv_bias = config.attention_out_bias = fields.boolean("attention_bias", false);
            config.mlp_bias = fields.boolean("mlp_bias", false);
        },
};

}  // namespace wishbone
