#include <algorithm>
#include <utility>

#include "model/transformer/impl.h"

namespace wishbone {

namespace {

/// While it lives, another precision.
class InPrecision {
  public:
    InPrecision(Precision& of, Precision for_now) : of_(of), before_(std::exchange(of, for_now)) {}
    ~InPrecision() { of_ = before_; }
    InPrecision(const InPrecision&) = delete;
    InPrecision& operator=(const InPrecision&) = delete;

  private:
    Precision& of_;
    Precision before_;
};

}  // namespace

std::vector<float> Transformer::Impl::next_logits(const ModelView& model, KeyValueCache& cache,
                                                  std::span<const std::int32_t> tokens) {
    const auto count = static_cast<std::int64_t>(tokens.size());
    const std::int64_t start = cache.length, total = start + count, hidden = config.hidden_size,
                       out_size = shape.query_heads * shape.head_dim;
    if (count == 0 || total > cache.capacity()) throw fault("a cache has no room for the tokens");
    if (longest == 0) expect_length(cache.capacity());
    reach_position(total);
    std::vector<std::int32_t> position(static_cast<std::size_t>(total)),
        until(static_cast<std::size_t>(total), static_cast<std::int32_t>(total));
    for (std::size_t i = 0; i < position.size(); ++i) position[i] = static_cast<std::int32_t>(i);
    auto views = [&] {
        BinView view;
        view.position = position;
        view.visible_until = until;
        return views_of(view);
    }();
    for (DeviceBin::View& view : views) view.shape.first_query = start;
    DeviceBin bin;  // of the new tokens; attention is over all
    bin.tokens = bin.rows = count;
    bin.views = views;
    const std::int64_t padded = (count + 63) / 64 * 64;
    bin.memory = backend.allocate(static_cast<std::size_t>(2 * padded) * sizeof(std::int32_t));
    bin.token = Tensor(bin.memory.get(), DType::i32, {count});
    bin.position = Tensor(static_cast<std::int32_t*>(bin.memory.get()) + padded, DType::i32, {count});
    backend.upload(bin.token, tokens.data());
    backend.upload(bin.position, position.data() + start);

    Stream stream{activation(layer_of(passing, 0).input, {count, hidden}), {}};
    backend.embedding(stream.sum, model.base.embedding, bin.token);
    if (config.embedding_scale != 1) backend.scale(stream.sum, static_cast<float>(config.embedding_scale));
    // Token by token it takes longer to quantise a weight than to read it. One that is in FP8 alone is read as that.
    const bool frozen = static_cast<bool>(model.base.layers.front().qkv.scale);
    const InPrecision for_now(precision, frozen ? precision : Precision::bf16);
    Slot all_attention, all_lse;
    for (std::int64_t i = 0; i < config.layers; ++i) {
        const LayerWeights weights = layer_weights(model, i);
        const LayerTensors layer = tensors_of(passing, i, weights.adapters, count, count);
        const Operand x = enter(layer.input, layer.attention_inv_rms, stream.sum, stream.delta,
                                weights.base.before_attention, weights.adapters.qkv);
        backend.copy(cache.rows(i, start, total), queries_keys_values(weights, layer, x, bin, i));
        const DeviceBin::View& view = view_of(bin, i);
        const Tensor attention = activation(all_attention, {total, out_size});
        backend.attention(attention, statistic(all_lse, {shape.query_heads, total}), cache.rows(i, 0, total),
                          *view.mask, view.shape);
        const Tensor delta = activation(work.narrow, {count, hidden});
        const Operand product = project_and_gate(weights, layer, layer.input, attention.slice(start, total),
                                                 delta, {.stay = false, .go_on = true});
        const Tensor next = activation(
            i + 1 == config.layers ? passing.last : layer_of(passing, i + 1).input, {count, hidden});
        stream = finish_mlp(weights, layer, product, next, delta);
    }
    const Tensor last = activation(passing.last, {count, hidden}),
                 normed = activation(passing.hidden, {count, hidden});
    backend.add_rmsnorm(stream.delta ? last : Tensor(), normed, statistic(passing.final_inv_rms, {count}),
                        stream.sum, stream.delta, model.base.final_norm, norm);
    cache.length = total;
    return logits_of(model, normed.slice(count - 1, count));
}

}  // namespace wishbone
