#include "io/model_config.h"

#include <limits>

#include "io/json.h"
#include "model/families/family.h"
#include "model/families/layer_fields.h"

namespace wishbone {

namespace {

constexpr std::int64_t largest_size = std::numeric_limits<std::int32_t>::max();

const Family& family_of(JsonFields& fields) {
    const auto& architectures = fields.any("architectures");
    std::string known;
    for (const Family* family : families()) {
        if (architectures.is_array() && architectures.size() == 1 &&
            architectures[0] == family->architecture) {
            if (const std::string type = fields.text("model_type", family->model_type);
                type != family->model_type)
                throw bad_input("The model type \"" + type + "\" does not go with " + family->architecture,
                                fields.where("model_type"),
                                std::string("Use a model of type \"") + family->model_type + "\".");
            return *family;
        }
        known += (known.empty() ? "" : ", ") + std::string(family->architecture);
    }
    const std::string found = architectures.is_null() ? "none" : architectures.dump();
    throw bad_input("The model's architecture is not supported: " + found, fields.where("architectures"),
                    "Use a model of one of these: " + known + ".");
}

Activation read_activation(JsonFields& fields, const char* name, Activation otherwise) {
    const std::string act = fields.text(name, otherwise == Activation::silu ? "silu" : "gelu_pytorch_tanh");
    if (act == "silu" || act == "swish") return Activation::silu;
    if (act == "gelu_pytorch_tanh") return Activation::gelu_tanh;
    throw bad_input("The activation \"" + act + "\" is not supported", fields.where(name),
                    std::string("Use a model with ") + name + " \"silu\" or \"gelu_pytorch_tanh\".");
}

void read_sizes(JsonFields& fields, const std::string& file, ModelConfig& config) {
    config.vocab_size = fields.integer("vocab_size", 1, largest_size);
    config.hidden_size = fields.integer("hidden_size", 1, largest_size);
    config.intermediate_size = fields.integer("intermediate_size", 1, largest_size);
    config.layers = fields.integer("num_hidden_layers", 1, 100000);
    config.query_heads = fields.integer("num_attention_heads", 1, largest_size);
    config.kv_heads = fields.integer("num_key_value_heads", 1, largest_size, config.query_heads);
    if (config.query_heads % config.kv_heads != 0)
        throw bad_input("num_attention_heads is not a multiple of num_key_value_heads",
                        fields.where("num_key_value_heads"), "Correct config.json.");
    if (config.head_dim == 0) {
        if (!fields.has("head_dim") && config.hidden_size % config.query_heads != 0)
            throw bad_input("hidden_size is not a multiple of num_attention_heads",
                            fields.where("hidden_size"), "Correct config.json or give head_dim.");
        config.head_dim = config.hidden_size / config.query_heads;
    }
    config.head_dim = fields.integer("head_dim", 1, 65536, config.head_dim);
    if (config.head_dim % 2 != 0)
        throw bad_input("The head dimension is odd, but RoPE rotates pairs", fields.where("head_dim"),
                        "Use a model with an even head_dim.");
    config.max_position_embeddings =
        fields.integer("max_position_embeddings", 1, largest_size, config.max_position_embeddings);

    // 2⁴² parameters are beyond any machine; every product of sizes stays far from overflow.
    const auto vocab = static_cast<double>(config.vocab_size),
               hidden = static_cast<double>(config.hidden_size),
               heads = static_cast<double>(config.query_heads + config.kv_heads);
    const double layer = 2 * heads * static_cast<double>(config.head_dim) * hidden +
                         3 * hidden * static_cast<double>(config.intermediate_size);
    if (vocab * hidden + layer * static_cast<double>(config.layers) > 0x1p42)
        throw bad_input("The sizes in the configuration are absurdly large", file, "Correct config.json.");
}

}  // namespace

ModelConfig read_model_config(const std::filesystem::path& folder) {
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error))
        throw bad_input("The model folder does not exist", folder.string(), "Check the path.");
    const std::filesystem::path file = folder / "config.json";
    const auto json = parse_json(read_text(file), file.string());
    JsonFields fields(json, file.string(), "");
    const Family& family = family_of(fields);
    if (fields.has("quantization_config"))
        throw bad_input("Quantized models cannot be trained", fields.where("quantization_config"),
                        "Use the F32, F16 or BF16 version of the model.");

    ModelConfig config;
    config.rms_norm_eps = 1e-6;
    family.defaults(config);
    read_sizes(fields, file.string(), config);
    config.rms_norm_eps = fields.number("rms_norm_eps", 0, 1, config.rms_norm_eps);
    config.tie_word_embeddings = fields.boolean("tie_word_embeddings", config.tie_word_embeddings);
    config.activation = read_activation(fields, family.activation_field, config.activation);
    read_rope(fields, config, config.ropes[0]);
    if (family.read != nullptr) family.read(fields, config);
    return config;
}

}  // namespace wishbone
