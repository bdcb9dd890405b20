#include "model/families/family.h"
#include "model/families/layer_fields.h"

namespace wishbone {

/// Llama where every fourth layer does not rotate (NoPE, arXiv 2501.18795).
const Family smollm3 = {
    .architecture = "SmolLM3ForCausalLM",
    .model_type = "smollm3",
    .defaults =
        [](ModelConfig& config) {
            config.max_position_embeddings = 32768;
            config.ropes[0].theta = 2e6;
            config.tie_word_embeddings = true;
        },
    .read =
        [](JsonFields& fields, ModelConfig& config) {
            config.qkv_bias = config.attention_out_bias = fields.boolean("attention_bias", false);
            config.mlp_bias = fields.boolean("mlp_bias", false);
            const std::int64_t interval = fields.integer("no_rope_layer_interval", 1, 1 << 20, 4);
            const auto& list = fields.any("no_rope_layers");
            if (!list.is_null() &&
                (!list.is_array() || static_cast<std::int64_t>(list.size()) < config.layers))
                throw bad_input("no_rope_layers must have a number for each layer",
                                fields.where("no_rope_layers"), "Correct config.json.");
            config.layer_kinds.resize(static_cast<std::size_t>(config.layers));
            for (std::size_t i = 0; i < config.layer_kinds.size(); ++i) {
                // Against its name, the list holds 1 where a layer rotates.
                const bool rotates =
                    list.is_null() ? (static_cast<std::int64_t>(i) + 1) % interval != 0 : list[i] != 0;
                config.layer_kinds[i].rope = rotates ? 0 : LayerKind::no_rope;
            }
            const std::int64_t window = read_optional_window(fields);
            read_windows(fields, config, window, [&](std::int64_t layer) {
                return window > 0 && config.kind_of(layer).rope == LayerKind::no_rope;
            });
        },
};

}  // namespace wishbone
