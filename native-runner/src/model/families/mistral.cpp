#include "model/families/family.h"
#include "model/families/layer_fields.h"

namespace wishbone {

const Family mistral = {
    .architecture = "MistralForCausalLM",
    .model_type = "mistral",
    .not_null = {"hidden_act", "num_key_value_heads"},
    .defaults =
        [](ModelConfig& config) {
            config.max_position_embeddings = 131072;
            config.kv_heads = 8;
        },
    .read = [](JsonFields& fields,
               ModelConfig& config) { read_windows(fields, config, read_window_of_all(fields, 4096)); },
};

}  // namespace wishbone
