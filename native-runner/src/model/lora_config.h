#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/config.h"

namespace wishbone {

/// Which linear layers have an adapter and of what rank and strength. Names and meanings are those of PEFT's
/// `LoraConfig`.
struct LoraConfig {
    std::int64_t r = 16;
    double lora_alpha = 32;
    bool use_rslora = false;  ///< scale alpha / sqrt(r) instead of alpha / r (arXiv 2312.03732)
    /// Names that a module's own name equals or ends with behind a dot. `all-linear` alone: every linear layer but
    /// the LM head.
    std::vector<std::string> target_modules = {"all-linear"};
    /// Instead of `target_modules`: a regular expression that the whole name matches.
    std::string target_pattern;
    /// Other values for modules whose name, or its end behind a dot, matches a regular expression; the first that
    /// matches counts.
    std::vector<std::pair<std::string, std::int64_t>> rank_pattern;
    std::vector<std::pair<std::string, double>> alpha_pattern;

    bool operator==(const LoraConfig&) const = default;
};

/// A linear layer of the model under its Hugging Face name, e.g. `model.layers.0.self_attn.q_proj`, and where its
/// outputs are in the fused layer that the runner computes.
struct LinearModule {
    enum class In { qkv, attention_out, gate_up, down };

    std::string name;
    std::int64_t layer = 0;
    In in = In::qkv;
    std::int64_t first_output = 0, outputs = 0, inputs = 0;
};

/// Every linear layer an adapter can be on.
std::vector<LinearModule> linear_modules(const ModelConfig& config);

/// An adapter on one linear layer.
struct LoraModule {
    LinearModule linear;
    std::int64_t rank = 0;
    double scale = 0;
};

/// The linear layers that `lora` chooses, in the order of the model. Throws Error(bad_input) naming `where` when one
/// of its names or patterns chooses nothing, or a pattern is not a regular expression.
std::vector<LoraModule> lora_modules(const ModelConfig& config, const LoraConfig& lora,
                                     const std::string& where);

}  // namespace wishbone
