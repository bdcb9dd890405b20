#include <algorithm>
#include <cmath>

#include "model/transformer/impl.h"

namespace wishbone {

Tensor Transformer::Impl::forward_hidden(const ModelView& model, DeviceBin& bin, Activations& activations) {
    const std::int64_t tokens = bin.tokens, hidden = config.hidden_size,
                       out_size = shape.query_heads * shape.head_dim;

    Stream stream{activation(layer_of(activations, 0).input, {tokens, hidden}), {}};
    backend.embedding(stream.sum, model.base.embedding, bin.token);
    if (config.embedding_scale != 1) backend.scale(stream.sum, static_cast<float>(config.embedding_scale));
    for (std::int64_t i = 0; i < config.layers; ++i) {
        const LayerWeights weights = layer_weights(model, i);
        const std::int64_t rows = i + 1 == config.layers ? bin.rows : tokens;
        const LayerTensors layer = tensors_of(activations, i, weights.adapters, tokens, rows);

        const Operand x = enter(layer.input, layer.attention_inv_rms, stream.sum, stream.delta,
                                weights.base.before_attention, weights.adapters.qkv);
        attend(weights, layer, x, bin, i);
        Tensor input = layer.input, attention = layer.attention;
        if (i + 1 == config.layers) {
            attention = activation(activations.attention_rows, {rows, out_size});
            backend.gather_rows(attention, layer.attention, bin.read_row);
            input = activation(activations.input_rows, {rows, hidden});
            backend.gather_rows(input, layer.input, bin.read_row);
        }
        const Tensor delta = activation(work.narrow, {rows, hidden});
        // The last layer's gates are never computed again.
        const bool stay =
            &activations == &kept && (recompute.of(i) == Recompute::none || i + 1 == config.layers);
        const Operand product =
            project_and_gate(weights, layer, input, attention, delta, {.stay = stay, .go_on = true});
        const Tensor next = activation(
            i + 1 == config.layers ? activations.last : layer_of(activations, i + 1).input, {rows, hidden});
        stream = finish_mlp(weights, layer, product, next, delta);
    }
    const Tensor last = activation(activations.last, {bin.rows, hidden});
    const Tensor normed = activation(activations.hidden, {bin.rows, hidden});
    backend.add_rmsnorm(stream.delta ? last : Tensor(), normed,
                        statistic(activations.final_inv_rms, {bin.rows}), stream.sum, stream.delta,
                        model.base.final_norm, norm);
    return normed;
}

Tensor Transformer::Impl::kept_logits(const DeviceBin& bin) {
    const std::size_t row_bytes = static_cast<std::size_t>(config.vocab_size) * size_of(dtype);
    const auto rows = std::min(bin.rows, static_cast<std::int64_t>(backend.kept_logits_budget() / row_bytes));
    return rows > 0 ? activation(kept.kept_logits, {rows, config.vocab_size}) : Tensor();
}

PendingLogps Transformer::Impl::begin_forward(const ModelView& model, DeviceBin& bin, bool keep,
                                              bool log_sum_squares) {
    if (keep) kept_bin = &bin;
    PendingLogps pending;
    if (bin.targets == 0) return pending;
    Activations& activations = keep ? kept : passing;
    const Tensor hidden = forward_hidden(model, bin, activations);
    const Tensor logps = statistic(activations.logps, {bin.targets});
    backend.head_logps(logps, statistic(activations.head_lse, {bin.rows}), keep ? kept_logits(bin) : Tensor(),
                       hidden, model.base.head, bin.head, static_cast<float>(config.logit_softcap));
    pending.of_targets = backend.begin_download(logps);
    if (log_sum_squares) {
        const Tensor of_rows = statistic(work.log_sum_squares, {bin.rows});
        backend.head_log_sum_squares(of_rows, keep ? kept_logits(bin) : Tensor(), hidden, model.base.head,
                                     statistic(activations.head_lse, {bin.rows}),
                                     static_cast<float>(config.logit_softcap));
        pending.of_rows = backend.begin_download(of_rows);
        pending.row = backend.begin_download(bin.head.row);
    }
    return pending;
}

std::vector<float> Transformer::Impl::logits_of(const ModelView& model, const Tensor& hidden) {
    const std::int64_t rows = hidden.rows();
    Slot slot, converted;
    const Tensor out = activation(slot, {rows, config.vocab_size});
    backend.linear(out, hidden, model.base.head);
    const Tensor out_f32 = dtype == DType::f32 ? out : statistic(converted, {rows, config.vocab_size});
    if (dtype != DType::f32) backend.copy(out_f32, out);
    std::vector<float> result(static_cast<std::size_t>(out.size()));
    backend.download(result.data(), out_f32);
    const auto cap = static_cast<float>(config.logit_softcap);
    if (cap > 0)
        for (float& logit : result) logit = cap * std::tanh(logit / cap);
    return result;
}

std::vector<float> Transformer::Impl::logits(const ModelView& model, std::span<const std::int32_t> tokens) {
    const auto length = static_cast<std::int32_t>(tokens.size());
    std::vector<std::int32_t> position(tokens.size()), until(tokens.size(), length);
    for (std::int32_t i = 0; i < length; ++i) position[static_cast<std::size_t>(i)] = i;
    BinView view;
    view.tokens = tokens;
    view.position = position;
    view.visible_until = until;
    view.target_row = position;  // every row is read
    view.target_token = tokens;
    if (longest == 0) expect_length(length);
    const std::shared_ptr<DeviceBin> bin = prepare(view);
    if (length == 0) return {};
    return logits_of(model, forward_hidden(model, *bin, passing));
}

}  // namespace wishbone
