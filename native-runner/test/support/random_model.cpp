#include "support/random_model.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <string>

#include "core/half.h"
#include "model/parameters.h"
#include "support/files.h"

namespace wishbone::test {

ModelConfig tiny_config(bool tied) {
    ModelConfig config;
    config.vocab_size = 61;
    config.hidden_size = 32;
    config.intermediate_size = 48;
    config.layers = 2;
    config.query_heads = 4;
    config.kv_heads = 2;
    config.head_dim = 8;
    config.max_position_embeddings = 128;
    config.rms_norm_eps = 1e-5;
    config.ropes[0].theta = 10000;
    config.tie_word_embeddings = tied;
    return config;
}

nlohmann::ordered_json config_json(const ModelConfig& config) {
    return {{"architectures", {"LlamaForCausalLM"}},
            {"model_type", "llama"},
            {"vocab_size", config.vocab_size},
            {"hidden_size", config.hidden_size},
            {"intermediate_size", config.intermediate_size},
            {"num_hidden_layers", config.layers},
            {"num_attention_heads", config.query_heads},
            {"num_key_value_heads", config.kv_heads},
            {"head_dim", config.head_dim},
            {"hidden_act", "silu"},
            {"max_position_embeddings", config.max_position_embeddings},
            {"rms_norm_eps", config.rms_norm_eps},
            {"rope_theta", config.ropes[0].theta},
            {"rope_scaling", nullptr},
            {"attention_bias", false},
            {"mlp_bias", false},
            {"tie_word_embeddings", config.tie_word_embeddings},
            {"torch_dtype", "bfloat16"}};
}

namespace {

/// binary32 to binary16 for the modest values of these weights (no overflow), rounding to nearest.
std::uint16_t to_half(float value) {
    const float magnitude = std::abs(value);
    const auto sign = static_cast<std::uint16_t>(std::signbit(value) ? 0x8000 : 0);
    if (magnitude < 0x1p-14f) return static_cast<std::uint16_t>(sign | std::lround(magnitude * 0x1p24f));
    int exponent = 0;
    const float fraction = std::frexp(magnitude, &exponent);  // [0.5, 1)
    const long rounded = std::lround(fraction * 2048);        // 1024…2048; 2048 carries into the exponent
    return static_cast<std::uint16_t>(sign | (((exponent + 14) << 10) + (rounded - 1024)));
}

void append(std::string& data, float value, FileDType dtype) {
    char bytes[4];
    std::size_t count = 4;
    if (dtype == FileDType::f32) {
        std::memcpy(bytes, &value, 4);
    } else {
        const std::uint16_t bits = dtype == FileDType::bf16 ? float_to_bfloat16(value) : to_half(value);
        std::memcpy(bytes, &bits, count = 2);
    }
    data.append(bytes, count);
}

}  // namespace

void write_raw_safetensors(const std::filesystem::path& file, const nlohmann::ordered_json& header,
                           std::string_view data) {
    const std::string text = header.dump();
    const std::uint64_t length = text.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    write_file(file, bytes + text + std::string(data));
}

void write_random_model(const std::filesystem::path& folder, const ModelConfig& config, std::uint32_t seed,
                        FileDType dtype, int shards) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, 0.05f);
    const char* dtype_name = dtype == FileDType::f32 ? "F32" : dtype == FileDType::f16 ? "F16" : "BF16";
    write_file(folder / "config.json", config_json(config).dump(2));
    write_file(folder / "tokenizer.json", "{}");

    const auto parameters = parameter_shapes(config);
    nlohmann::ordered_json weight_map = nlohmann::ordered_json::object();
    for (int shard = 0; shard < shards; ++shard) {
        nlohmann::ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
        std::string data;
        const std::string name = shards == 1 ? "model.safetensors"
                                             : "model-0000" + std::to_string(shard + 1) + "-of-0000" +
                                                   std::to_string(shards) + ".safetensors";
        const std::size_t count = parameters.size(), total = static_cast<std::size_t>(shards);
        const std::size_t begin = count * static_cast<std::size_t>(shard) / total,
                          end = count * static_cast<std::size_t>(shard + 1) / total;
        for (std::size_t i = begin; i < end; ++i) {
            const std::size_t offset = data.size();
            std::int64_t size = 1;
            for (const std::int64_t dim : parameters[i].shape) size *= dim;
            const float centre = parameters[i].shape.size() == 1 ? 1.0f : 0.0f;
            for (std::int64_t k = 0; k < size; ++k) append(data, centre + normal(random), dtype);
            header[parameters[i].name] = {{"dtype", dtype_name},
                                          {"shape", parameters[i].shape},
                                          {"data_offsets", {offset, data.size()}}};
            weight_map[parameters[i].name] = name;
        }
        write_raw_safetensors(folder / name, header, data);
    }
    if (shards > 1)
        write_file(
            folder / "model.safetensors.index.json",
            nlohmann::ordered_json({{"metadata", {{"total_size", 0}}}, {"weight_map", weight_map}}).dump());
}

}  // namespace wishbone::test
