#include "model/families/family.h"
#include "model/families/gemma_fields.h"
#include "model/families/layer_fields.h"

namespace wishbone {

/// The text models: most layers have a window and a RoPE base of their own; queries and keys are normed
/// (arXiv 2503.19786).
const Family gemma3 = {
    .architecture = "Gemma3ForCausalLM",
    .model_type = "gemma3_text",
    .not_null = {"hidden_activation", "num_key_value_heads", "head_dim", "attention_bias",
                 "query_pre_attn_scalar", "sliding_window", "sliding_window_pattern"},
    .defaults =
        [](ModelConfig& config) {
            gemma_defaults(config);
            config.max_position_embeddings = 131072;
            config.ropes = {Rope{.theta = 1e6, .scaling = {}},
                            Rope{.theta = 1e4, .scaling = {}}};  // of full layers, of those with a window
            config.qk_norm = QkNorm::head;
        },
    .read =
        [](JsonFields& fields, ModelConfig& config) {
            read_gemma_fields(fields, config);
            // transformers reads it and passes it over.
            if (config.attention_softcap > 0)
                throw bad_input("Attention scores are not capped in this family",
                                fields.where("attn_logit_softcapping"), "Leave it out.");
            const std::int64_t size = fields.integer("sliding_window", 1, largest_size, 4096),
                               // `_sliding_window_pattern` is what transformers writes and does not read.
                pattern = fields.integer("sliding_window_pattern", 1, largest_size, 6);
            read_windows(fields, config,
                         {.size = size,
                          .slides = [pattern](std::int64_t layer) { return (layer + 1) % pattern != 0; },
                          .listed = true});
            for (LayerKind& kind : config.layer_kinds) kind.rope = kind.window > 0 ? 1 : 0;
        },
    .activation_field = "hidden_activation",
    .divides = true,
    .rope = {.by_layer = true},
};

}  // namespace wishbone
