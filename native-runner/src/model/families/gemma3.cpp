#include "model/families/family.h"
#include "model/families/gemma_fields.h"
#include "model/families/layer_fields.h"

namespace wishbone {

/// The text models: most layers have a window and a RoPE base of their own; queries and keys are normed
/// (arXiv 2503.19786).
const Family gemma3 = {
    .architecture = "Gemma3ForCausalLM",
    .model_type = "gemma3_text",
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
            config.ropes[1].theta = fields.number("rope_local_base_freq", 1, 1e15, config.ropes[1].theta);
            const std::int64_t window = fields.integer("sliding_window", 1, 1 << 30, 4096),
                               pattern = fields.has("sliding_window_pattern")
                                             ? fields.integer("sliding_window_pattern", 1, 1 << 20)
                                             : fields.integer("_sliding_window_pattern", 1, 1 << 20, 6);
            read_windows(fields, config, window,
                         [&](std::int64_t layer) { return (layer + 1) % pattern != 0; });
            for (LayerKind& kind : config.layer_kinds) kind.rope = kind.window > 0 ? 1 : 0;
            if (!fields.has("rope_parameters")) return;
            JsonFields parameters = fields.object("rope_parameters");
            const char* const names[] = {"full_attention", "sliding_attention"};
            for (std::size_t i = 0; i < 2; ++i)
                if (parameters.has(names[i]))
                    read_rope_object(parameters.object(names[i]), config, config.ropes[i], 0);
        },
    .activation_field = "hidden_activation",
};

}  // namespace wishbone
