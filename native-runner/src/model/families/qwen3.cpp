#include "model/families/family.h"
#include "model/families/layer_fields.h"

namespace wishbone {

/// Llama with normed query and key heads.
const Family qwen3 = {
    .architecture = "Qwen3ForCausalLM",
    .model_type = "qwen3",
    .defaults =
        [](ModelConfig& config) {
            config.max_position_embeddings = 32768;
            config.head_dim = 128;
            config.qk_norm = QkNorm::head;
        },
    .read =
        [](JsonFields& fields, ModelConfig& config) {
            config.qkv_bias = config.attention_out_bias = fields.boolean("attention_bias", false);
            const std::int64_t window = read_optional_window(fields),
                               first = fields.integer("max_window_layers", 0, 1 << 20, 28);
            read_windows(fields, config, window,
                         [&](std::int64_t layer) { return window > 0 && layer >= first; });
        },
};

}  // namespace wishbone
