#pragma once

#include <span>
#include <string>

#include "io/json.h"
#include "model/config.h"

namespace wishbone {

/// What one family of models adds to the reading of `config.json`. Everything that families have in common
/// (sizes, RoPE, head, activation) is read by io/model_config.cpp.
struct Family {
    const char* architecture;  ///< the one entry of `architectures`
    const char* model_type;
    /// Sets what all models of the family have, and transformers' defaults for fields that may be absent.
    void (*defaults)(ModelConfig& config);
    /// Reads the fields that the family alone has; called after the common ones. Throws Error(bad_input).
    void (*read)(JsonFields& fields, ModelConfig& config) = nullptr;
    const char* activation_field = "hidden_act";
};

extern const Family llama, mistral, qwen2, qwen3, phi3, gemma2, gemma3, smollm3, olmo2;

/// All of them.
std::span<const Family* const> families();

}  // namespace wishbone
