#include "model/families/family.h"
#include "model/families/layer_fields.h"

namespace wishbone {

/// Qwen2 and Qwen2.5: Llama with biases of queries, keys and values.
const Family qwen2 = {
    .architecture = "Qwen2ForCausalLM",
    .model_type = "qwen2",
    .defaults =
        [](ModelConfig& config) {
            config.max_position_embeddings = 32768;
            config.qkv_bias = true;
        },
    .read =
        [](JsonFields& fields, ModelConfig& config) {
            const std::int64_t window = read_optional_window(fields),
                               first = fields.integer("max_window_layers", 0, 1 << 20, 28);
            read_windows(fields, config, window,
                         [&](std::int64_t layer) { return window > 0 && layer >= first; });
        },
};

}  // namespace wishbone
