#include "model/lora_config.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/pattern/python_pattern.h"

namespace wishbone {

namespace {

constexpr const char* names_advice =
    "Use the names of linear layers, for example \"q_proj\", \"v_proj\" or \"all-linear\", or a regular expression of "
    "whole names such as \"model.layers.0.mlp.up_proj\".";

bool ends_as(const std::string& name, const std::string& target) {
    return name == target || name.ends_with("." + target);
}

/// One of `rank_pattern` or `alpha_pattern`, ready to be asked.
template <typename Value>
class Patterns {
  public:
    Patterns(const std::vector<std::pair<std::string, Value>>& patterns, const std::string& where)
        : where_(where) {
        for (const auto& [pattern, value] : patterns)
            // As PEFT's get_pattern_key.
            entries_.push_back(
                {pattern, PythonPattern("(.*\\.)?(" + pattern + ")$", where, pattern), value, false});
    }

    Value of(const std::string& name, Value otherwise) {
        for (Entry& entry : entries_)
            if (entry.regex.matches_beginning(name)) {
                entry.used = true;
                return entry.value;
            }
        return otherwise;
    }

    void all_used() const {
        for (const Entry& entry : entries_)
            if (!entry.used)
                throw bad_input(
                    "No module that has an adapter is left for the pattern \"" + entry.text + "\"", where_,
                    "The first pattern that matches a module has it; leave out what matches nothing.");
    }

  private:
    struct Entry {
        std::string text;
        PythonPattern regex;
        Value value;
        bool used;
    };
    std::vector<Entry> entries_;
    std::string where_;
};

/// The modules that target_modules or target_pattern choose.
std::vector<LinearModule> chosen(const ModelConfig& config, const LoraConfig& lora,
                                 const std::string& where) {
    std::vector<LinearModule> all = linear_modules(config);
    if (!lora.target_pattern.empty()) {
        const PythonPattern pattern(lora.target_pattern, where);
        for (const char* other : {"lm_head", "model.embed_tokens"})
            if (pattern.matches_whole(other))
                throw bad_input(
                    "\"" + lora.target_pattern + "\" matches " + other +
                        " too, and an adapter on it is not supported",
                    where,
                    "Write it so that it matches attention and MLP layers alone, or give \"all-linear\".");
        std::erase_if(all, [&](const LinearModule& module) { return !pattern.matches_whole(module.name); });
        if (all.empty())
            throw bad_input("No linear layer has a name that \"" + lora.target_pattern + "\" matches", where,
                            names_advice);
        return all;
    }
    if (lora.target_modules == std::vector<std::string>{"all-linear"}) return all;
    for (const std::string& target : lora.target_modules) {
        if (target == "lm_head" || target == "embed_tokens" || target.ends_with(".embed_tokens"))
            throw bad_input("An adapter on \"" + target + "\" is not supported", where,
                            "Leave it out: attention and MLP layers can have adapters.");
        if (std::ranges::none_of(all,
                                 [&](const LinearModule& module) { return ends_as(module.name, target); }))
            throw bad_input("The model has no linear layer called \"" + target + "\"", where, names_advice);
    }
    std::erase_if(all, [&](const LinearModule& module) {
        return std::ranges::none_of(lora.target_modules,
                                    [&](const std::string& target) { return ends_as(module.name, target); });
    });
    return all;
}

}  // namespace

std::vector<LinearModule> linear_modules(const ModelConfig& config) {
    using enum LinearModule::In;
    const std::int64_t hidden = config.hidden_size, feed_forward = config.intermediate_size,
                       queries = config.query_heads * config.head_dim,
                       keys = config.kv_heads * config.head_dim;
    std::vector<LinearModule> modules;
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        const std::string prefix = "model.layers." + std::to_string(layer) + ".";
        const auto add = [&](const char* name, LinearModule::In in, std::int64_t first, std::int64_t outputs,
                             std::int64_t inputs) {
            modules.push_back({prefix + name, layer, in, first, outputs, inputs});
        };
        if (config.fused_projections) {
            add("self_attn.qkv_proj", qkv, 0, queries + 2 * keys, hidden);
        } else {
            add("self_attn.q_proj", qkv, 0, queries, hidden);
            add("self_attn.k_proj", qkv, queries, keys, hidden);
            add("self_attn.v_proj", qkv, queries + keys, keys, hidden);
        }
        add("self_attn.o_proj", attention_out, 0, hidden, queries);
        if (config.fused_projections) {
            add("mlp.gate_up_proj", gate_up, 0, 2 * feed_forward, hidden);
        } else {
            add("mlp.gate_proj", gate_up, 0, feed_forward, hidden);
            add("mlp.up_proj", gate_up, feed_forward, feed_forward, hidden);
        }
        add("mlp.down_proj", down, 0, hidden, feed_forward);
    }
    return modules;
}

std::vector<LoraModule> lora_modules(const ModelConfig& config, const LoraConfig& lora,
                                     const std::string& where) {
    Patterns<std::int64_t> ranks(lora.rank_pattern, where);
    Patterns<double> alphas(lora.alpha_pattern, where);
    std::vector<LoraModule> modules;
    for (const LinearModule& linear : chosen(config, lora, where)) {
        const std::int64_t rank = ranks.of(linear.name, lora.r);
        const double alpha = alphas.of(linear.name, lora.lora_alpha), r = static_cast<double>(rank);
        modules.push_back({linear, rank, alpha / (lora.use_rslora ? std::sqrt(r) : r)});
    }
    ranks.all_used();
    alphas.all_used();
    return modules;
}

}  // namespace wishbone
