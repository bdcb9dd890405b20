#include <algorithm>
#include <vector>

#include "model/families/family.h"
#include "model/families/layer_fields.h"

namespace wishbone {

namespace {

/// Of each layer, whether it rotates.
std::vector<bool> read_rotating(JsonFields& fields, std::int64_t layers) {
    const std::int64_t interval = fields.integer("no_rope_layer_interval", 1, largest_size, 4);
    const auto& list = fields.any("no_rope_layers");
    if (!list.is_null() && (!list.is_array() || static_cast<std::int64_t>(list.size()) < layers ||
                            !std::ranges::all_of(list, [](const auto& item) { return item.is_number(); })))
        throw bad_input("no_rope_layers must have a number for each layer", fields.where("no_rope_layers"),
                        "Correct config.json.");
    std::vector<bool> rotates(static_cast<std::size_t>(layers));
    for (std::size_t i = 0; i < rotates.size(); ++i)
        // Against its name, the list holds 1 where a layer rotates.
        rotates[i] = list.is_null() ? (static_cast<std::int64_t>(i) + 1) % interval != 0 : list[i] != 0;
    return rotates;
}

}  // namespace

/// Llama where every fourth layer does not rotate (NoPE, arXiv 2501.18795).
const Family smollm3 = {
    .architecture = "SmolLM3ForCausalLM",
    .model_type = "smollm3",
    .not_null = {"hidden_act", "head_dim", "attention_bias", "mlp_bias", "use_sliding_window",
                 "no_rope_layer_interval"},
    .defaults =
        [](ModelConfig& config) {
            config.max_position_embeddings = 32768;
            config.kv_heads = 4;
            config.ropes[0].theta = 2e6;
            config.tie_word_embeddings = true;
        },
    .read =
        [](JsonFields& fields, ModelConfig& config) {
            config.qkv_bias = config.attention_out_bias = fields.boolean("attention_bias", false);
            config.mlp_bias = fields.boolean("mlp_bias", false);
            const std::vector<bool> rotates = read_rotating(fields, config.layers);
            const std::int64_t size = read_optional_window(fields, 0);
            // Layers that do not rotate have the window, if there is one.
            read_windows(fields, config,
                         {.size = size,
                          .slides =
                              [&](std::int64_t layer) {
                                  return size > 0 && !rotates[static_cast<std::size_t>(layer)];
                              },
                          .listed = true});
            for (std::size_t i = 0; i < rotates.size(); ++i)
                if (!rotates[i]) config.layer_kinds[i].rope = LayerKind::no_rope;
        },
};

}  // namespace wishbone
