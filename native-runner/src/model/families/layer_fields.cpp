#include "model/families/layer_fields.h"

#include <cmath>
#include <limits>
#include <vector>

namespace wishbone {
namespace {

constexpr std::int64_t largest_size = std::numeric_limits<std::int32_t>::max();

std::vector<double> read_factors(JsonFields& scaling, const char* name, std::int64_t count) {
    const auto& list = scaling.any(name);
    const auto refuse = [&](const std::string& what) {
        return bad_input(what, scaling.where(name), "Correct config.json.");
    };
    if (!list.is_array() || static_cast<std::int64_t>(list.size()) != count)
        throw refuse("A list of " + std::to_string(count) + " factors is needed, one for each frequency");
    std::vector<double> factors;
    for (const auto& factor : list) {
        if (!factor.is_number() || !(factor.get<double>() > 0))
            throw refuse("A factor is not a number above 0");
        factors.push_back(factor.get<double>());
    }
    return factors;
}

YarnRopeScaling read_yarn(JsonFields& scaling, std::int64_t original) {
    YarnRopeScaling yarn{};
    yarn.factor = scaling.number("factor", 1, 1e6);
    yarn.original_max_position_embeddings = original;
    yarn.beta_fast = scaling.number("beta_fast", 1e-6, 1e6, 32.0);
    yarn.beta_slow = scaling.number("beta_slow", 1e-6, 1e6, 1.0);
    yarn.truncate = scaling.boolean("truncate", true);
    const auto magnitude = [&](double scale) {
        return yarn.factor <= 1 ? 1.0 : 0.1 * scale * std::log(yarn.factor) + 1.0;
    };
    const double mscale = scaling.number("mscale", 0, 1e6, 0.0),
                 mscale_all_dim = scaling.number("mscale_all_dim", 0, 1e6, 0.0);
    const double usual =
        mscale > 0 && mscale_all_dim > 0 ? magnitude(mscale) / magnitude(mscale_all_dim) : magnitude(1);
    yarn.attention_factor = scaling.number("attention_factor", 1e-6, 1e6, usual);
    return yarn;
}

LongRopeScaling read_long_rope(JsonFields& scaling, const ModelConfig& config, std::int64_t rotated,
                               std::int64_t original) {
    LongRopeScaling scaled;
    scaled.original_max_position_embeddings = original;
    scaled.short_factor = read_factors(scaling, "short_factor", rotated / 2);
    scaled.long_factor = read_factors(scaling, "long_factor", rotated / 2);
    const double factor =
        scaling.number("factor", 1e-6, 1e6,
                       static_cast<double>(config.max_position_embeddings) / static_cast<double>(original));
    const double usual =
        factor <= 1 ? 1.0 : std::sqrt(1 + std::log(factor) / std::log(static_cast<double>(original)));
    scaled.attention_factor = scaling.number("attention_factor", 1e-6, 1e6, usual);
    return scaled;
}

std::int64_t rotated_of(JsonFields& fields, const ModelConfig& config, std::int64_t otherwise) {
    if (!fields.has("partial_rotary_factor")) return otherwise;
    const double factor = fields.number("partial_rotary_factor", 0, 1);
    const auto rotated = static_cast<std::int64_t>(factor * static_cast<double>(config.head_dim));
    if (rotated < 2 || rotated % 2 != 0)
        throw bad_input(
            "RoPE rotates pairs, but " + std::to_string(rotated) + " elements of a head are to turn",
            fields.where("partial_rotary_factor"), "Use a model that rotates an even number.");
    return rotated;
}

}  // namespace

void read_rope_object(JsonFields scaling, const ModelConfig& config, Rope& rope, std::int64_t original) {
    rope.theta = scaling.number("rope_theta", 1, 1e15, rope.theta);
    rope.rotated = rotated_of(scaling, config, rope.rotated);
    const std::string name = scaling.has("rope_type") ? "rope_type" : "type";
    const std::string type = scaling.text(name, "default");
    if (type == "default") return;
    if (original == 0)
        original = scaling.integer("original_max_position_embeddings", 1, largest_size,
                                   config.max_position_embeddings);
    const std::int64_t rotated = rope.rotated > 0 ? rope.rotated : config.head_dim;
    if (type == "linear") {
        rope.scaling = LinearRopeScaling{scaling.number("factor", 1e-6, 1e6)};
    } else if (type == "dynamic") {
        rope.scaling = DynamicRopeScaling{scaling.number("factor", 1, 1e6), config.max_position_embeddings};
        if (rotated < 4)
            throw bad_input("RoPE scaling \"dynamic\" needs heads of 4 elements or more", scaling.where(name),
                            "Use another model.");
    } else if (type == "yarn") {
        rope.scaling = read_yarn(scaling, original);
    } else if (type == "longrope" || type == "su") {
        rope.scaling = read_long_rope(scaling, config, rotated, original);
    } else if (type == "llama3") {
        Llama3RopeScaling llama3{};
        llama3.factor = scaling.number("factor", 1, 1e6);
        llama3.low_freq_factor = scaling.number("low_freq_factor", 1e-6, 1e6);
        llama3.high_freq_factor = scaling.number("high_freq_factor", 1e-6, 1e6);
        llama3.original_max_position_embeddings = original;
        if (llama3.high_freq_factor <= llama3.low_freq_factor)
            throw bad_input("high_freq_factor is not above low_freq_factor",
                            scaling.where("high_freq_factor"), "Correct the two factors.");
        rope.scaling = llama3;
    } else {
        throw bad_input("RoPE scaling \"" + type + "\" is not supported", scaling.where(name),
                        "Use a model with RoPE scaling \"default\", \"linear\", \"dynamic\", \"yarn\", "
                        "\"longrope\" or \"llama3\".");
    }
}

void read_rope(JsonFields& fields, const ModelConfig& config, Rope& rope) {
    rope.theta = fields.number("rope_theta", 1, 1e15, rope.theta);
    rope.rotated = rotated_of(fields, config, rope.rotated);
    // Phi-3's place for it, which wins.
    const std::int64_t original = fields.integer("original_max_position_embeddings", 0, largest_size, 0);
    for (const char* name : {"rope_parameters", "rope_scaling"})
        if (fields.has(name)) return read_rope_object(fields.object(name), config, rope, original);
}

void read_windows(JsonFields& fields, ModelConfig& config, std::int64_t window,
                  const std::function<bool(std::int64_t)>& slides) {
    const auto& types = fields.any("layer_types");
    if (!types.is_null() && (!types.is_array() || static_cast<std::int64_t>(types.size()) != config.layers))
        throw bad_input(
            "layer_types must name a type for each of the " + std::to_string(config.layers) + " layers",
            fields.where("layer_types"), "Correct config.json.");
    config.layer_kinds.resize(static_cast<std::size_t>(config.layers));
    for (std::int64_t i = 0; i < config.layers; ++i) {
        bool sliding = slides(i);
        if (!types.is_null()) {
            const auto& type = types[static_cast<std::size_t>(i)];
            sliding = type == "sliding_attention";
            if (!sliding && type != "full_attention")
                throw bad_input("The layer type " + type.dump() + " is not supported",
                                fields.where("layer_types"),
                                "Use a model whose layers are \"full_attention\" or \"sliding_attention\".");
        }
        if (sliding && window == 0)
            throw bad_input("Layers have a sliding window, but none is given", fields.where("sliding_window"),
                            "Correct config.json.");
        config.layer_kinds[static_cast<std::size_t>(i)].window = sliding ? window : 0;
    }
}

std::int64_t read_optional_window(JsonFields& fields) {
    if (!fields.boolean("use_sliding_window", false)) return 0;
    return fields.integer("sliding_window", 1, largest_size, 4096);
}

}  // namespace wishbone
