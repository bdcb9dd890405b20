#include "model/llama.h"

namespace wishbone {
namespace {

/// Hands out consecutive pieces of one allocation; first without memory, to learn how much is needed.
class Cutter {
  public:
    Cutter(void* memory, DType dtype) : memory_(memory), dtype_(dtype) {}

    Tensor take(std::initializer_list<std::int64_t> shape) {
        Tensor tensor(
            memory_ == nullptr ? nullptr : static_cast<std::byte*>(memory_) + used_ * size_of(dtype_), dtype_,
            shape);
        // Every tensor starts on a 128-byte boundary; the gaps stay zero.
        constexpr std::size_t elements = 64;
        used_ += (static_cast<std::size_t>(tensor.size()) + elements - 1) / elements * elements;
        return tensor;
    }

    std::size_t used() const { return used_; }

  private:
    void* memory_;
    DType dtype_;
    std::size_t used_ = 0;
};

}  // namespace

Parameters::Parameters(Backend& backend, const LlamaConfig& config, DType dtype) {
    const std::int64_t hidden = config.hidden_size, feed_forward = config.intermediate_size;
    const std::int64_t query_rows = config.query_heads * config.head_dim,
                       kv_rows = config.kv_heads * config.head_dim;

    const auto cut = [&](Cutter& cutter) {
        embedding = cutter.take({config.vocab_size, hidden});
        layers.clear();
        for (std::int64_t i = 0; i < config.layers; ++i) {
            Layer layer;
            layer.attention_norm = cutter.take({hidden});
            layer.qkv = cutter.take({query_rows + 2 * kv_rows, hidden});
            layer.attention_out = cutter.take({hidden, query_rows});
            layer.mlp_norm = cutter.take({hidden});
            layer.gate_up = cutter.take({2 * feed_forward, hidden});
            layer.down = cutter.take({hidden, feed_forward});
            layers.push_back(layer);
        }
        final_norm = cutter.take({hidden});
        head = config.tie_word_embeddings ? embedding : cutter.take({config.vocab_size, hidden});
    };
    Cutter measure(nullptr, dtype);
    cut(measure);
    buffer_ = backend.allocate(measure.used() * size_of(dtype));
    flat_ = Tensor(buffer_.get(), dtype, {static_cast<std::int64_t>(measure.used())});
    backend.zero(flat_);
    Cutter cutter(buffer_.get(), dtype);
    cut(cutter);

    const auto matrix = [this](const std::string& name, Tensor tensor) {
        named_.push_back({name, tensor, true});
    };
    const auto norm = [this](const std::string& name, Tensor tensor) {
        named_.push_back({name, tensor, false});
    };
    matrix("model.embed_tokens.weight", embedding);
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const std::string prefix = "model.layers." + std::to_string(i) + ".";
        const Layer& layer = layers[i];
        matrix(prefix + "self_attn.q_proj.weight", layer.qkv.slice(0, query_rows));
        matrix(prefix + "self_attn.k_proj.weight", layer.qkv.slice(query_rows, query_rows + kv_rows));
        matrix(prefix + "self_attn.v_proj.weight",
               layer.qkv.slice(query_rows + kv_rows, query_rows + 2 * kv_rows));
        matrix(prefix + "self_attn.o_proj.weight", layer.attention_out);
        matrix(prefix + "mlp.gate_proj.weight", layer.gate_up.slice(0, feed_forward));
        matrix(prefix + "mlp.up_proj.weight", layer.gate_up.slice(feed_forward, 2 * feed_forward));
        matrix(prefix + "mlp.down_proj.weight", layer.down);
        norm(prefix + "input_layernorm.weight", layer.attention_norm);
        norm(prefix + "post_attention_layernorm.weight", layer.mlp_norm);
    }
    norm("model.norm.weight", final_norm);
    if (!config.tie_word_embeddings) matrix("lm_head.weight", head);
}

}  // namespace wishbone
