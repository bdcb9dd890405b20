#include "model/families/family.h"
#include "model/families/layer_fields.h"

namespace wishbone {

/// Llama with normed query and key heads.
const Family qwen3 = {
    .architecture = "Qwen3ForCausalLM",
    .model_type = "qwen3",
    .not_null = {"hidden_act", "head_dim", "attention_bias", "use_sliding_window", "max_window_layers"},
    .defaults =
        [](ModelConfig& config) {
            config.max_position_embeddings = 32768;
            config.kv_heads = 32;
            config.head_dim = 128;
            config.qk_norm = QkNorm::head;
        },
    .read =
        [](JsonFields& fields, ModelConfig& config) {
            config.qkv_bias = config.attention_out_bias = fields.boolean("attention_bias", false);
            read_windows(fields, config, read_last_windows(fields));
        },
};

}  // namespace wishbone
