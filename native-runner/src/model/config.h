#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "backend/backend.h"

namespace wishbone {

/// Positions divided by `factor`.
struct LinearRopeScaling {
    double factor;
};

/// NTK-aware scaling: beyond `original` positions theta grows with the length of the sequence.
struct DynamicRopeScaling {
    double factor;
    std::int64_t original_max_position_embeddings;
};

/// Llama 3.1+: wavelengths that the original context holds fewer than low_freq_factor times are stretched.
struct Llama3RopeScaling {
    double factor, low_freq_factor, high_freq_factor;
    std::int64_t original_max_position_embeddings;
};

/// YaRN (arXiv 2309.00071).
struct YarnRopeScaling {
    double factor, attention_factor, beta_fast, beta_slow;
    std::int64_t original_max_position_embeddings;
    bool truncate;
};

/// LongRoPE (arXiv 2402.13753): a factor for each frequency, one list for sequences that fit the original
/// context and one for longer ones.
struct LongRopeScaling {
    std::vector<double> short_factor, long_factor;
    double attention_factor;
    std::int64_t original_max_position_embeddings;
};

/// How queries and keys turn with their position.
struct Rope {
    double theta = 10000.0;
    std::int64_t rotated = 0;  ///< elements of a head, from the first on; 0: all of them
    std::variant<std::monostate, LinearRopeScaling, DynamicRopeScaling, Llama3RopeScaling, YarnRopeScaling,
                 LongRopeScaling>
        scaling;
};

/// What layers of one model may differ in.
struct LayerKind {
    static constexpr int no_rope = -1;

    std::int64_t window = 0;  ///< a query sees the keys of its last `window` positions; 0: all
    int rope = 0;             ///< place in `ModelConfig::ropes`, or no_rope
    bool operator==(const LayerKind&) const = default;
};

/// Names of a layer's norms in a Hugging Face folder. A norm without a name is not there. Those `after` a
/// sublayer norm what it adds to the residual stream.
struct NormNames {
    std::string before_attention = "input_layernorm";
    std::string after_attention;
    std::string before_mlp = "post_attention_layernorm";
    std::string after_mlp;
};

enum class QkNorm {
    none,
    head,        ///< each query and key head by itself, one weight for all
    projection,  ///< all query heads of a token together, and all key heads
};

/// Everything of a Hugging Face `config.json` that decides the computation, as features that families combine
/// (model/families). The defaults are Llama's.
struct ModelConfig {
    std::int64_t vocab_size = 0;
    std::int64_t hidden_size = 0;
    std::int64_t intermediate_size = 0;
    std::int64_t layers = 0;
    std::int64_t query_heads = 0;
    std::int64_t kv_heads = 0;
    std::int64_t head_dim = 0;
    std::int64_t max_position_embeddings = 0;
    bool tie_word_embeddings = false;

    NormNames norms;
    double rms_norm_eps = 1e-5;
    bool norm_weights_less_one = false;  ///< norms multiply by 1 + weight

    std::vector<Rope> ropes = {Rope{}};
    std::vector<LayerKind> layer_kinds;  ///< of each layer; empty: all are LayerKind{}

    bool qkv_bias = false;
    bool attention_out_bias = false;
    bool mlp_bias = false;
    QkNorm qk_norm = QkNorm::none;
    bool fused_projections = false;  ///< folders hold q, k, v as one tensor, and gate, up as one

    Activation activation = Activation::silu;
    double attention_scale = 0;    ///< of scores; 0: 1/sqrt(head_dim)
    double attention_softcap = 0;  ///< 0: none
    double logit_softcap = 0;      ///< 0: none
    double embedding_scale = 1;

    LayerKind kind_of(std::int64_t layer) const {
        return layer_kinds.empty() ? LayerKind{} : layer_kinds[static_cast<std::size_t>(layer)];
    }
    /// Longest sequence the model takes: `max_position_embeddings`, or what its RoPE scaling stretches it to.
    std::int64_t longest_sequence() const;
};

}  // namespace wishbone
