#include "model/families/family.h"
#include "model/families/layer_fields.h"

namespace wishbone {

/// Qwen2 and Qwen2.5: Llama with biases of queries, keys and values.
const Family qwen2 = {
    .architecture = "Qwen2ForCausalLM",
    .model_type = "qwen2",
    .not_null = {"hidden_act", "head_dim", "use_sliding_window", "max_window_layers"},
    .defaults =
        [](ModelConfig& config) {
            config.max_position_embeddings = 32768;
            config.kv_heads = 32;
            config.qkv_bias = true;
        },
    .read = [](JsonFields& fields,
               ModelConfig& config) { read_windows(fields, config, read_last_windows(fields)); },
};

}  // namespace wishbone
