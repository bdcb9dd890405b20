#include "model/parameters.h"

namespace wishbone {

/// Hands out pieces of memory for matrices in FP8; without memory, to learn how much is needed.
struct Parameters::Fp8Room {
    void* memory = nullptr;
    std::size_t used = 0;

    Linear take(std::int64_t outputs, std::int64_t inputs) {
        Linear layer;
        layer.weight = place(DType::e4m3, {outputs, inputs});
        layer.scale = place(DType::f32, {outputs});
        return layer;
    }

  private:
    Tensor place(DType dtype, std::initializer_list<std::int64_t> shape) {
        constexpr std::size_t unit = 256;
        Tensor tensor(memory == nullptr ? nullptr : static_cast<std::byte*>(memory) + used, dtype, shape);
        used += (tensor.bytes() + unit - 1) / unit * unit;
        return tensor;
    }
};

void Parameters::cut(const ModelConfig& config, Cutter& cutter, Fp8Room* room) {
    const std::int64_t hidden = config.hidden_size, feed_forward = config.intermediate_size;
    const std::int64_t query_rows = config.query_heads * config.head_dim,
                       kv_rows = config.kv_heads * config.head_dim;
    const auto linear = [&](std::int64_t outputs, std::int64_t inputs, bool bias) {
        Linear layer;
        if (room != nullptr)
            layer = room->take(outputs, inputs);
        else
            layer.weight = cutter.take({outputs, inputs});
        if (bias) layer.bias = cutter.take({outputs});
        return layer;
    };
    // A linear layer, or the rows [begin, end) of one, under a name of its own.
    const auto name_rows = [&](const std::string& text, const Linear& layer, std::int64_t begin,
                               std::int64_t end) {
        if (room != nullptr)
            freeze(text + ".weight", {layer.weight.slice(begin, end), layer.scale.slice(begin, end)});
        else
            name(text + ".weight", layer.weight.slice(begin, end), cutter);
        if (layer.bias.rank > 0) name(text + ".bias", layer.bias.slice(begin, end), cutter);
    };
    const auto name_all = [&](const std::string& text, const Linear& layer) {
        name_rows(text, layer, 0, layer.weight.rows());
    };

    embedding = cutter.take({config.vocab_size, hidden});
    name("model.embed_tokens.weight", embedding, cutter);
    cutter.end_bucket();
    for (std::int64_t i = 0; i < config.layers; ++i) {
        const std::string prefix = "model.layers." + std::to_string(i) + ".",
                          attention = prefix + "self_attn.", mlp = prefix + "mlp.";
        const auto norm = [&](const std::string& text) {
            if (text.empty()) return Tensor();
            const Tensor weight = cutter.take({hidden});
            name(prefix + text + ".weight", weight, cutter);
            return weight;
        };
        Layer layer;
        layer.before_attention = norm(config.norms.before_attention);
        layer.qkv = linear(query_rows + 2 * kv_rows, hidden, config.qkv_bias);
        if (config.fused_projections) {
            name_all(attention + "qkv_proj", layer.qkv);
        } else {
            const std::int64_t keys = query_rows, values = keys + kv_rows, end = values + kv_rows;
            name_rows(attention + "q_proj", layer.qkv, 0, keys);
            name_rows(attention + "k_proj", layer.qkv, keys, values);
            name_rows(attention + "v_proj", layer.qkv, values, end);
        }
        if (config.qk_norm != QkNorm::none) {
            const bool heads = config.qk_norm == QkNorm::head;
            layer.query_norm = cutter.take({heads ? config.head_dim : query_rows});
            layer.key_norm = cutter.take({heads ? config.head_dim : kv_rows});
            name(attention + "q_norm.weight", layer.query_norm, cutter);
            name(attention + "k_norm.weight", layer.key_norm, cutter);
        }
        layer.attention_out = linear(hidden, query_rows, config.attention_out_bias);
        name_all(attention + "o_proj", layer.attention_out);
        layer.after_attention = norm(config.norms.after_attention);
        layer.before_mlp = norm(config.norms.before_mlp);
        layer.gate_up = linear(2 * feed_forward, hidden, config.mlp_bias);
        if (config.fused_projections) {
            name_all(mlp + "gate_up_proj", layer.gate_up);
        } else {
            name_rows(mlp + "gate_proj", layer.gate_up, 0, feed_forward);
            name_rows(mlp + "up_proj", layer.gate_up, feed_forward, 2 * feed_forward);
        }
        layer.down = linear(hidden, feed_forward, config.mlp_bias);
        name_all(mlp + "down_proj", layer.down);
        layer.after_mlp = norm(config.norms.after_mlp);
        layers.push_back(layer);
        cutter.end_bucket();
    }
    final_norm = cutter.take({hidden});
    name("model.norm.weight", final_norm, cutter);
    head = embedding;
    if (!config.tie_word_embeddings) {
        head = cutter.take({config.vocab_size, hidden});
        name("lm_head.weight", head, cutter);
    }
    cutter.end_bucket();
}

Parameters::Parameters(Backend& backend, const ModelConfig& config, DType dtype, std::int64_t parts,
                       std::optional<std::size_t> layers_at_once) {
    Cutter measure(dtype, parts);
    Parameters().cut(config, measure);
    if (layers_at_once) measure.take_turns(*layers_at_once);
    allocate(backend, measure);
    Cutter cutter(memory(), measure);
    cut(config, cutter);
}

Parameters::Parameters(Backend& backend, const ModelConfig& config, FrozenInFp8) {
    Cutter measure(backend.activation_dtype(), 1);
    Fp8Room needed;
    Parameters().cut(config, measure, &needed);
    allocate(backend, measure);
    frozen_memory_ = backend.allocate(needed.used);
    Cutter cutter(memory(), measure);
    Fp8Room room{frozen_memory_.get(), 0};
    cut(config, cutter, &room);
}

std::vector<ParameterShape> parameter_shapes(const ModelConfig& config) {
    Parameters::Cutter cutter(DType::f32, 1);
    Parameters without_memory;
    without_memory.cut(config, cutter);
    std::vector<ParameterShape> shapes;
    for (const auto& [name, tensor, decays] : without_memory.named())
        shapes.push_back({name, {tensor.shape.begin(), tensor.shape.begin() + tensor.rank}});
    return shapes;
}

std::int64_t parameter_count(const ModelConfig& config) {
    std::int64_t count = 0;
    for (const ParameterShape& parameter : parameter_shapes(config)) {
        std::int64_t size = 1;
        for (const std::int64_t dim : parameter.shape) size *= dim;
        count += size;
    }
    return count;
}

}  // namespace wishbone
