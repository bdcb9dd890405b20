#pragma once

#include <span>
#include <string>

#include "io/json.h"
#include "model/config.h"

namespace wishbone {

/// How a family has its RoPE; src/core/model/rope-object.ts says the same. The base is that of `ModelConfig::ropes`.
struct RopeTraits {
    bool partial = false;     ///< part of a head may turn (`partial_rotary_factor`)
    bool long_alone = false;  ///< LongRoPE is the only scaling; `su` and `yarn` are older names of it
    std::int64_t original =
        0;  ///< `original_max_position_embeddings` where the top does not give it; 0: as within
    bool by_layer = false;  ///< layers with a window turn by an object of their own, `ropes[1]`
};

/// What one family of models adds to the reading of `config.json`. Everything that families have in common
/// (sizes, RoPE, head, activation) is read by io/model_config.cpp. src/core/model/families.ts says the same.
struct Family {
    const char* architecture;  ///< the one entry of `architectures`
    const char* model_type;
    /// Fields that transformers takes no null for, beside those of all families.
    std::initializer_list<const char*> not_null;
    /// Sets what all models of the family have, and transformers' defaults for fields that may be absent.
    void (*defaults)(ModelConfig& config);
    /// Reads the fields that the family alone has; called after the common ones. Throws Error(bad_input).
    void (*read)(JsonFields& fields, ModelConfig& config);
    const char* activation_field = "hidden_act";
    bool divides = false;  ///< `hidden_size` must be a multiple of the heads, whatever their size
    RopeTraits rope = {};
};

extern const Family llama, mistral, qwen2, qwen3, phi3, gemma2, gemma3, smollm3, olmo2;

/// All of them.
std::span<const Family* const> families();

}  // namespace wishbone
