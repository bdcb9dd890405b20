#include "model/families/family.h"
#include "model/families/layer_fields.h"

namespace wishbone {

/// Norms behind the sublayers instead of before them; queries and keys are normed over all their heads.
const Family olmo2 = {
    .architecture = "Olmo2ForCausalLM",
    .model_type = "olmo2",
    .not_null = {"hidden_act", "head_dim", "attention_bias"},
    .defaults =
        [](ModelConfig& config) {
            config.max_position_embeddings = 2048;
            config.rms_norm_eps = 1e-5;
            config.norms = {.before_attention = "",
                            .after_attention = "post_attention_layernorm",
                            .before_mlp = "",
                            .after_mlp = "post_feedforward_layernorm"};
            config.qk_norm = QkNorm::projection;
        },
    .read =
        [](JsonFields& fields, ModelConfig& config) {
            config.qkv_bias = config.attention_out_bias = fields.boolean("attention_bias", false);
            read_windows(fields, config, no_window);
        },
};

}  // namespace wishbone
