#include "model/families/family.h"
#include "model/families/gemma_fields.h"
#include "model/families/layer_fields.h"

namespace wishbone {

/// Every second layer has a window; scores and logits are capped (arXiv 2408.00118).
const Family gemma2 = {
    .architecture = "Gemma2ForCausalLM",
    .model_type = "gemma2",
    .not_null = {"hidden_activation", "num_key_value_heads", "head_dim", "attention_bias",
                 "query_pre_attn_scalar", "sliding_window"},
    .defaults =
        [](ModelConfig& config) {
            gemma_defaults(config);
            config.max_position_embeddings = 8192;
            config.attention_softcap = 50;
            config.logit_softcap = 30;
        },
    .read =
        [](JsonFields& fields, ModelConfig& config) {
            read_gemma_fields(fields, config);
            read_windows(fields, config,
                         {.size = fields.integer("sliding_window", 1, largest_size, 4096),
                          .slides = [](std::int64_t layer) { return layer % 2 == 0; },
                          .listed = true});
        },
    .activation_field = "hidden_activation",
    .divides = true,
};

}  // namespace wishbone
