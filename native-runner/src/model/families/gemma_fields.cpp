#include "model/families/gemma_fields.h"

#include <cmath>

#include "model/families/layer_fields.h"

namespace wishbone {

void gemma_defaults(ModelConfig& config) {
    config.kv_heads = 4;
    config.head_dim = 256;
    config.rms_norm_eps = 1e-6;
    config.tie_word_embeddings = true;
    config.norm_weights_less_one = true;
    config.activation = Activation::gelu_tanh;
    config.norms = {.before_attention = "input_layernorm",
                    .after_attention = "post_attention_layernorm",
                    .before_mlp = "pre_feedforward_layernorm",
                    .after_mlp = "post_feedforward_layernorm"};
}

void read_gemma_fields(JsonFields& fields, ModelConfig& config) {
    config.qkv_bias = config.attention_out_bias = fields.boolean("attention_bias", false);
    config.attention_scale =
        1.0 / std::sqrt(static_cast<double>(fields.integer("query_pre_attn_scalar", 1, largest_size, 256)));
    config.embedding_scale = std::sqrt(static_cast<double>(config.hidden_size));
    // Absent leaves the family's own, null turns a cap off.
    const auto cap = [&](const char* name, double& value) {
        if (fields.present(name)) value = fields.has(name) ? fields.number(name, 1e-6, 1e9) : 0.0;
    };
    cap("attn_logit_softcapping", config.attention_softcap);
    cap("final_logit_softcapping", config.logit_softcap);
}

}  // namespace wishbone
