#include "pretrained/model_config.h"

#include <string>

#include "io/json.h"
#include "model/families/family.h"
#include "model/families/layer_fields.h"
#include "model/families/rope_fields.h"

namespace wishbone {

namespace {

bool is_nothing(const nlohmann::ordered_json& architectures) {
    return architectures.is_null() || (architectures.is_array() && architectures.empty());
}

template <typename Name>
std::string names_of_all(Name name) {
    std::string all;
    for (const Family* family : families()) all += (all.empty() ? "" : ", ") + std::string(family->*name);
    return all;
}

/// By `model_type`, as transformers; `architectures` may be left out, but not say something else.
const Family& family_of(JsonFields& fields) {
    const auto& architectures = fields.any("architectures");
    const auto& type = fields.any("model_type");
    const Family *by_type = nullptr, *by_name = nullptr;
    for (const Family* family : families()) {
        if (type == family->model_type) by_type = family;
        if (architectures.is_array() && architectures.size() == 1 && architectures[0] == family->architecture)
            by_name = family;
    }
    if (!is_nothing(architectures) && by_name == nullptr)
        throw bad_input("The model's architecture is not supported: " + architectures.dump(),
                        fields.where("architectures"),
                        "Use a model of one of these: " + names_of_all(&Family::architecture) + ".");
    if (type.is_null())
        throw bad_input(
            "The field \"model_type\" is missing", fields.where("model_type"),
            by_name != nullptr ? std::string("Add it: \"") + by_name->model_type + "\"." : "Add it.");
    if (by_type == nullptr || (by_name != nullptr && by_name != by_type)) {
        if (by_name == nullptr)
            throw bad_input("The model type " + type.dump() + " is not supported", fields.where("model_type"),
                            "Use a model of one of these types: " + names_of_all(&Family::model_type) + ".");
        throw bad_input("The model type " + type.dump() + " does not go with " + by_name->architecture,
                        fields.where("model_type"),
                        std::string("Use a model of type \"") + by_name->model_type + "\".");
    }
    return *by_type;
}

void refuse_other_models(JsonFields& fields) {
    if (fields.has("quantization_config"))
        throw bad_input("Quantized models cannot be trained", fields.where("quantization_config"),
                        "Use the F32, F16 or BF16 version of the model.");
    if (fields.has("text_config"))
        throw bad_input("The model reads more than text", fields.where("text_config"),
                        "Use the text model alone.");
    if (fields.boolean("use_bidirectional_attention", false))
        throw bad_input("Attention in both directions is not supported",
                        fields.where("use_bidirectional_attention"), "Use a causal model.");
}

Activation read_activation(JsonFields& fields, const char* name, Activation otherwise) {
    const std::string act = fields.text(name, otherwise == Activation::silu ? "silu" : "gelu_pytorch_tanh");
    if (act == "silu" || act == "swish") return Activation::silu;
    if (act == "gelu_pytorch_tanh") return Activation::gelu_tanh;
    throw bad_input("The activation \"" + act + "\" is not supported", fields.where(name),
                    std::string("Use a model with ") + name + " \"silu\" or \"gelu_pytorch_tanh\".");
}

void read_heads(JsonFields& fields, const Family& family, ModelConfig& config) {
    config.query_heads = fields.integer("num_attention_heads", 1, largest_size);
    // Null is as many as query heads in every family that takes it; so is absent where the family has no default.
    const bool as_many = fields.present("num_key_value_heads") || config.kv_heads == 0;
    config.kv_heads = fields.integer("num_key_value_heads", 1, largest_size,
                                     as_many ? config.query_heads : config.kv_heads);
    const std::string heads = std::to_string(config.query_heads);
    if (config.query_heads % config.kv_heads != 0)
        throw bad_input(heads + " query heads cannot share " + std::to_string(config.kv_heads) +
                            " key-value heads evenly",
                        fields.where("num_key_value_heads"), "Correct config.json.");
    const std::int64_t hidden = config.hidden_size;
    if ((family.divides && hidden % config.query_heads != 0) || hidden < config.query_heads)
        throw bad_input("hidden_size " + std::to_string(hidden) + " is not a multiple of " + heads + " heads",
                        fields.where("hidden_size"), "Correct config.json.");
    if (config.head_dim == 0 || fields.present("head_dim")) config.head_dim = hidden / config.query_heads;
    config.head_dim = fields.integer("head_dim", 1, 65536, config.head_dim);
    if (config.head_dim % 2 != 0)
        throw bad_input(
            "The head dimension " + std::to_string(config.head_dim) + " is odd, but RoPE rotates pairs",
            fields.where("head_dim"), "Use another model.");
}

/// 2⁴² parameters are beyond any machine; every product of sizes stays far from overflow.
void check_total(const JsonFields& fields, const ModelConfig& config) {
    const auto vocab = static_cast<double>(config.vocab_size),
               hidden = static_cast<double>(config.hidden_size),
               heads = static_cast<double>(config.query_heads + config.kv_heads);
    const double layer = 2 * heads * static_cast<double>(config.head_dim) * hidden +
                         3 * hidden * static_cast<double>(config.intermediate_size);
    if (vocab * hidden + layer * static_cast<double>(config.layers) > 0x1p42)
        throw bad_input("The sizes in the configuration are absurdly large", fields.where("hidden_size"),
                        "Correct config.json.");
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
    refuse_other_models(fields);
    fields.not_null({"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                     "num_attention_heads", "max_position_embeddings", "rms_norm_eps",
                     "tie_word_embeddings"});
    fields.not_null(family.not_null);

    ModelConfig config;
    config.rms_norm_eps = 1e-6;
    family.defaults(config);
    config.activation = read_activation(fields, family.activation_field, config.activation);
    config.vocab_size = fields.integer("vocab_size", 1, largest_size);
    config.hidden_size = fields.integer("hidden_size", 1, largest_size);
    config.intermediate_size = fields.integer("intermediate_size", 1, largest_size);
    config.layers = fields.integer("num_hidden_layers", 1, 100000);
    read_heads(fields, family, config);
    config.max_position_embeddings =
        fields.integer("max_position_embeddings", 1, largest_size, config.max_position_embeddings);
    check_total(fields, config);
    config.rms_norm_eps = fields.number("rms_norm_eps", 0, 1, config.rms_norm_eps);
    config.tie_word_embeddings = fields.boolean("tie_word_embeddings", config.tie_word_embeddings);
    read_rope(fields, family.rope, config);
    family.read(fields, config);
    return config;
}

}  // namespace wishbone
