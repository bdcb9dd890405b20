#pragma once

#include <cstdint>
#include <optional>

namespace wishbone {

/// RoPE scaling of Llama 3.1+ (`rope_scaling.rope_type == "llama3"`).
struct Llama3RopeScaling {
    double factor, low_freq_factor, high_freq_factor;
    std::int64_t original_max_position_embeddings;
};

/// The part of a Hugging Face Llama `config.json` that decides the computation.
struct LlamaConfig {
    std::int64_t vocab_size = 0;
    std::int64_t hidden_size = 0;
    std::int64_t intermediate_size = 0;
    std::int64_t layers = 0;
    std::int64_t query_heads = 0;
    std::int64_t kv_heads = 0;
    std::int64_t head_dim = 0;
    std::int64_t max_position_embeddings = 0;
    double rms_norm_eps = 1e-5;
    double rope_theta = 10000.0;
    std::optional<Llama3RopeScaling> rope_scaling;
    bool tie_word_embeddings = false;
};

}  // namespace wishbone
