#include "io/model_config.h"

#include <limits>

#include "io/json.h"

namespace wishbone {

namespace {

constexpr std::int64_t largest_size = std::numeric_limits<std::int32_t>::max();

void require_llama(JsonFields& fields) {
    const auto& architectures = fields.any("architectures");
    if (!architectures.is_array() || architectures.size() != 1 || architectures[0] != "LlamaForCausalLM") {
        const std::string found = architectures.is_null() ? "none" : architectures.dump();
        throw bad_input("The model's architecture is not supported: " + found, fields.where("architectures"),
                        "Use a model whose architectures are [\"LlamaForCausalLM\"].");
    }
    if (const std::string type = fields.text("model_type", "llama"); type != "llama")
        throw bad_input("The model type \"" + type + "\" is not supported", fields.where("model_type"),
                        "Use a model of type \"llama\".");
    if (const std::string act = fields.text("hidden_act", "silu"); act != "silu")
        throw bad_input("The activation \"" + act + "\" is not supported", fields.where("hidden_act"),
                        "Use a model with hidden_act \"silu\".");
    for (const char* bias : {"attention_bias", "mlp_bias"})
        if (fields.boolean(bias, false))
            throw bad_input("Biases are not supported", fields.where(bias), "Use a model without biases.");
    if (fields.has("quantization_config"))
        throw bad_input("Quantized models cannot be trained", fields.where("quantization_config"),
                        "Use the F32, F16 or BF16 version of the model.");
}

/// `scaling` is `rope_scaling` or `rope_parameters`; only in the latter does theta live inside.
void read_rope(JsonFields scaling, LlamaConfig& config) {
    config.rope_theta = scaling.number("rope_theta", 1, 1e15, config.rope_theta);
    if (scaling.number("partial_rotary_factor", 0, 1, 1.0) != 1.0)
        throw bad_input("Rotating a part of the head only is not supported",
                        scaling.where("partial_rotary_factor"),
                        "Use a model with a partial_rotary_factor of 1.");
    const std::string name = scaling.has("rope_type") ? "rope_type" : "type";
    const std::string type = scaling.text(name, "default");
    if (type == "default") return;
    if (type != "llama3")
        throw bad_input("RoPE scaling \"" + type + "\" is not supported", scaling.where(name),
                        "Use a model with RoPE scaling \"default\" or \"llama3\".");
    Llama3RopeScaling llama3{};
    llama3.factor = scaling.number("factor", 1, 1e6);
    llama3.low_freq_factor = scaling.number("low_freq_factor", 1e-6, 1e6);
    llama3.high_freq_factor = scaling.number("high_freq_factor", 1e-6, 1e6);
    llama3.original_max_position_embeddings =
        scaling.integer("original_max_position_embeddings", 1, largest_size);
    if (llama3.high_freq_factor <= llama3.low_freq_factor)
        throw bad_input("high_freq_factor is not above low_freq_factor", scaling.where("high_freq_factor"),
                        "Correct the two factors.");
    config.rope_scaling = llama3;
}

}  // namespace

LlamaConfig read_model_config(const std::filesystem::path& folder) {
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error))
        throw bad_input("The model folder does not exist", folder.string(), "Check the path.");
    const std::filesystem::path file = folder / "config.json";
    const auto json = parse_json(read_text(file), file.string());
    JsonFields fields(json, file.string(), "");
    require_llama(fields);

    LlamaConfig config;
    config.vocab_size = fields.integer("vocab_size", 1, largest_size);
    config.hidden_size = fields.integer("hidden_size", 1, largest_size);
    config.intermediate_size = fields.integer("intermediate_size", 1, largest_size);
    config.layers = fields.integer("num_hidden_layers", 1, 100000);
    config.query_heads = fields.integer("num_attention_heads", 1, largest_size);
    config.kv_heads = fields.integer("num_key_value_heads", 1, largest_size, config.query_heads);
    if (config.query_heads % config.kv_heads != 0)
        throw bad_input("num_attention_heads is not a multiple of num_key_value_heads",
                        fields.where("num_key_value_heads"), "Correct config.json.");
    if (!fields.has("head_dim") && config.hidden_size % config.query_heads != 0)
        throw bad_input("hidden_size is not a multiple of num_attention_heads", fields.where("hidden_size"),
                        "Correct config.json or give head_dim.");
    config.head_dim = fields.integer("head_dim", 1, 65536, config.hidden_size / config.query_heads);
    if (config.head_dim % 2 != 0)
        throw bad_input("The head dimension is odd, but RoPE rotates pairs", fields.where("head_dim"),
                        "Use a model with an even head_dim.");
    config.max_position_embeddings = fields.integer("max_position_embeddings", 1, largest_size, 2048);
    config.rms_norm_eps = fields.number("rms_norm_eps", 0, 1, 1e-6);
    config.tie_word_embeddings = fields.boolean("tie_word_embeddings", false);

    config.rope_theta = fields.number("rope_theta", 1, 1e15, 10000.0);
    if (fields.has("rope_parameters")) {
        read_rope(fields.object("rope_parameters"), config);
    } else if (fields.has("rope_scaling")) {
        read_rope(fields.object("rope_scaling"), config);
    }

    // 2⁴² parameters are beyond any machine; every product below stays far from overflow.
    double count = 0;
    for (const auto& parameter : parameter_shapes(config)) {
        double size = 1;
        for (const std::int64_t dim : parameter.shape) size *= static_cast<double>(dim);
        count += size;
    }
    if (count > 0x1p42)
        throw bad_input("The sizes in the configuration are absurdly large", file.string(),
                        "Correct config.json.");
    return config;
}

std::vector<ParameterShape> parameter_shapes(const LlamaConfig& config) {
    const std::int64_t hidden = config.hidden_size, feed_forward = config.intermediate_size;
    const std::int64_t query = config.query_heads * config.head_dim, kv = config.kv_heads * config.head_dim;
    std::vector<ParameterShape> shapes = {{"model.embed_tokens.weight", {config.vocab_size, hidden}}};
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        const std::string prefix = "model.layers." + std::to_string(layer) + ".";
        shapes.push_back({prefix + "self_attn.q_proj.weight", {query, hidden}});
        shapes.push_back({prefix + "self_attn.k_proj.weight", {kv, hidden}});
        shapes.push_back({prefix + "self_attn.v_proj.weight", {kv, hidden}});
        shapes.push_back({prefix + "self_attn.o_proj.weight", {hidden, query}});
        shapes.push_back({prefix + "mlp.gate_proj.weight", {feed_forward, hidden}});
        shapes.push_back({prefix + "mlp.up_proj.weight", {feed_forward, hidden}});
        shapes.push_back({prefix + "mlp.down_proj.weight", {hidden, feed_forward}});
        shapes.push_back({prefix + "input_layernorm.weight", {hidden}});
        shapes.push_back({prefix + "post_attention_layernorm.weight", {hidden}});
    }
    shapes.push_back({"model.norm.weight", {hidden}});
    if (!config.tie_word_embeddings) shapes.push_back({"lm_head.weight", {config.vocab_size, hidden}});
    return shapes;
}

std::int64_t parameter_count(const LlamaConfig& config) {
    std::int64_t count = 0;
    for (const auto& parameter : parameter_shapes(config)) {
        std::int64_t size = 1;
        for (const std::int64_t dim : parameter.shape) size *= dim;
        count += size;
    }
    return count;
}

}  // namespace wishbone
