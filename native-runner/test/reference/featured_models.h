#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "model/config.h"

namespace wishbone::reference {

/// A model that combines features as a family does.
struct FeaturedModel {
    const char* name;
    ModelConfig config;
};

/// `base`, a Llama of several layers, with the features of each family in turn. RoPE scalings expect
/// sequences beyond 16 tokens.
inline std::vector<FeaturedModel> featured_models(const ModelConfig& base) {
    std::vector<FeaturedModel> all;
    const auto add = [&](const char* name, auto change) {
        all.push_back({name, base});
        change(all.back().config);
    };
    const LayerKind local{.window = 4, .rope = 0};
    add("plain", [](ModelConfig&) {});
    add("biases", [](ModelConfig& c) { c.qkv_bias = c.attention_out_bias = c.mlp_bias = true; });
    add("window", [&](ModelConfig& c) { c.layer_kinds.assign(static_cast<std::size_t>(c.layers), local); });
    add("norms of heads", [](ModelConfig& c) { c.qk_norm = QkNorm::head; });
    add("fused, partly rotated, LongRoPE", [](ModelConfig& c) {
        c.fused_projections = true;
        c.ropes[0].rotated = c.head_dim * 3 / 4;
        const auto pairs = static_cast<std::size_t>(c.ropes[0].rotated / 2);
        c.ropes[0].scaling =
            LongRopeScaling{std::vector<double>(pairs, 1.5), std::vector<double>(pairs, 3.0), 1.2, 8};
    });
    add("layers without RoPE", [](ModelConfig& c) {
        c.layer_kinds.resize(static_cast<std::size_t>(c.layers));
        c.layer_kinds[0].rope = LayerKind::no_rope;
        c.tie_word_embeddings = true;
    });
    add("norms behind, of projections", [](ModelConfig& c) {
        c.norms = {.before_attention = "",
                   .after_attention = "post_attention_layernorm",
                   .before_mlp = "",
                   .after_mlp = "post_feedforward_layernorm"};
        c.qk_norm = QkNorm::projection;
        c.ropes[0].scaling = YarnRopeScaling{4, 1.1, 32, 1, 16, true};
    });
    add("Gemma", [](ModelConfig& c) {
        c.norms = {.before_attention = "input_layernorm",
                   .after_attention = "post_attention_layernorm",
                   .before_mlp = "pre_feedforward_layernorm",
                   .after_mlp = "post_feedforward_layernorm"};
        c.norm_weights_less_one = true;
        c.activation = Activation::gelu_tanh;
        c.attention_scale = 0.8 / std::sqrt(static_cast<double>(c.head_dim));
        c.attention_softcap = 2;
        c.logit_softcap = 3;
        c.embedding_scale = std::sqrt(static_cast<double>(c.hidden_size));
        c.qk_norm = QkNorm::head;
        c.ropes = {Rope{.theta = 1e6, .scaling = LinearRopeScaling{8}}, Rope{.theta = 1e4, .scaling = {}}};
        for (std::int64_t i = 0; i < c.layers; ++i)
            c.layer_kinds.push_back(i % 2 == 0 ? LayerKind{.window = 3, .rope = 1} : LayerKind{});
        c.tie_word_embeddings = true;
    });
    return all;
}

}  // namespace wishbone::reference
