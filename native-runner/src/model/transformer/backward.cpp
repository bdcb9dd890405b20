#include <algorithm>

#include "model/transformer/impl.h"

namespace wishbone {

void Transformer::Impl::bring_back(const LayerWeights& weights, const LayerTensors& layer,
                                   const DeviceBin& bin, std::int64_t index) {
    const Tensor delta = activation(work.narrow, {bin.tokens, config.hidden_size});
    const Recompute again = recompute.of(index);
    if (again == Recompute::none) return;
    const Gates gates{.stay = true, .go_on = static_cast<bool>(weights.base.after_mlp)};
    Operand product;
    if (again == Recompute::mlp) {
        const Operand x = enter(layer.middle, layer.mlp_inv_rms, layer.middle, {}, weights.base.before_mlp,
                                weights.adapters.gate_up);
        product = gate(weights, layer, x, gates);
    } else {
        const Operand x = enter(layer.input, layer.attention_inv_rms, layer.input, {},
                                weights.base.before_attention, weights.adapters.qkv);
        attend(weights, layer, x, bin, index);
        product = project_and_gate(weights, layer, layer.input, layer.attention, delta, gates);
    }
    if (gates.go_on) finish_mlp(weights, layer, product, {}, delta);
}

Transformer::Impl::LayerGradients Transformer::Impl::d_layer(const GradientView& gradients,
                                                             std::int64_t layer) {
    static const Parameters::Layer frozen = {};
    static const Lora::Layer none = {};
    const auto at = static_cast<std::size_t>(layer);
    if (gradients.adapter != nullptr) return {frozen, gradients.adapter->layers[at], true};
    return {gradients.base->layers[at], none, gradients.adds};
}

void Transformer::Impl::zero_what_is_added_to(const Parameters::Layer& layer) {
    for (const Tensor& one :
         {layer.before_attention, layer.after_attention, layer.before_mlp, layer.after_mlp, layer.query_norm,
          layer.key_norm, layer.qkv.bias, layer.attention_out.bias, layer.gate_up.bias, layer.down.bias})
        if (one) backend.zero(one);
}

std::int64_t Transformer::Impl::lowest_trained(const GradientView& gradients) {
    if (gradients.adapter == nullptr) return 0;
    std::int64_t lowest = static_cast<std::int64_t>(gradients.adapter->layers.size());
    for (const LoraModule& module : gradients.adapter->modules())
        lowest = std::min(lowest, module.linear.layer);
    return lowest;
}

Tensor Transformer::Impl::before_norm(const Tensor& d_delta, const Tensor& out, const Tensor& inv_rms,
                                      const Tensor& weight, const Tensor& d_weight) {
    if (!weight) return d_delta;
    const Tensor d_out = activation(work.d_branch, {out.rows(), config.hidden_size});
    backend.zero(d_out);
    backend.rmsnorm_backward(d_out, d_weight, activation(work.normed, {out.rows(), config.hidden_size}),
                             d_delta, out, inv_rms, weight, norm);
    return d_out;
}

Tensor Transformer::Impl::enter_backward(const Tensor& d_stream, const Tensor& d_x, const Tensor& stream,
                                         const Tensor& inv_rms, const Tensor& weight,
                                         const Tensor& d_weight) {
    if (!weight) {
        backend.add(d_stream, d_stream, d_x);
        return stream;
    }
    const Tensor normed = activation(work.normed, {stream.rows(), config.hidden_size});
    backend.rmsnorm_backward(d_stream, d_weight, normed, d_x, stream, inv_rms, weight, norm);
    return normed;
}

Tensor Transformer::Impl::head_backward(const ModelView& model, const GradientView& gradients,
                                        const DeviceBin& bin, std::span<const float> weight) {
    const std::int64_t rows = bin.rows, hidden = config.hidden_size;
    const bool frozen = gradients.base == nullptr;
    const Tensor target_weight = statistic(work.target_weight, {bin.targets});
    backend.upload(target_weight, weight.data());
    const Tensor d_normed = activation(work.narrow, {rows, hidden});
    if (!gradients.adds) backend.zero(gradients.base->final_norm);
    backend.head_logps_backward(d_normed, frozen ? Tensor() : gradients.base->head, kept_logits(bin),
                                activation(kept.hidden, {rows, hidden}), model.base.head,
                                statistic(kept.head_lse, {rows}), bin.head, target_weight,
                                static_cast<float>(config.logit_softcap), gradients.adds);
    const Tensor d_stream = activation(work.d_rows, {rows, hidden});
    backend.zero(d_stream);
    backend.rmsnorm_backward(d_stream, frozen ? Tensor() : gradients.base->final_norm,
                             activation(work.normed, {rows, hidden}), d_normed,
                             activation(kept.last, {rows, hidden}), statistic(kept.final_inv_rms, {rows}),
                             model.base.final_norm, norm);
    return d_stream;
}

void Transformer::Impl::mlp_backward(const LayerWeights& weights, const LayerGradients& d_weights,
                                     const LayerTensors& layer, const Tensor& d_stream) {
    const std::int64_t rows = d_stream.rows(), feed_forward = config.intermediate_size;
    const bool is_fp8 = precision == Precision::fp8;
    // Adapters and biases read these in bf16, and scales of a frozen weight go into the gradient before it is in FP8.
    const bool is_fused = is_fp8 && !weights.adapters.gate_up && !weights.adapters.down &&
                          !d_weights.base.gate_up.bias && !weights.base.gate_up.scale;
    const Tensor d_product = activation(work.wide2, {rows, feed_forward});
    OutGradient d_down{before_norm(d_stream, layer.mlp_out, layer.mlp_out_inv_rms, weights.base.after_mlp,
                                   d_weights.base.after_mlp)};
    OutGradient d_gate_up;
    Operand product;
    if (is_fused) {
        input_backward(d_product, d_down, down_of(weights, layer), d_weights.base.down);
        d_gate_up.rows = in_fp8(work.fp8_rows, rows, 2 * feed_forward);
        if (d_weights.base.gate_up.weight) {
            d_gate_up.columns = in_fp8(work.fp8_d_gates, 2 * feed_forward, fp8_padded(rows));
            product.columns = in_fp8(work.fp8_columns, feed_forward, fp8_padded(rows));
        }
        backend.fp8_glu_backward(d_gate_up.rows, d_gate_up.columns, product.columns, d_product, layer.gate_up,
                                 config.activation);
    } else {
        product.x = activation(work.wide, {rows, feed_forward});
        d_gate_up.d_out = layer.gate_up;
        if (!is_fp8) {
            const AdaptedLinear down = down_of(weights, layer);
            backend.gated_linear_backward_input(d_gate_up.d_out, product.x, d_product, d_down.d_out,
                                                down.base.weight, down.adapter, d_between(down),
                                                layer.gate_up, config.activation);
        } else {
            input_backward(d_product, d_down, down_of(weights, layer), d_weights.base.down);
            backend.glu_backward(d_gate_up.d_out, product.x, d_product, layer.gate_up, config.activation);
        }
    }
    weight_backward(d_weights.base.down, d_weights.adapters.down, d_down, product, down_of(weights, layer),
                    d_weights.adds);

    const Tensor d_normed = activation(work.narrow, {rows, config.hidden_size});
    input_backward(d_normed, d_gate_up, gate_up_of(weights, layer), d_weights.base.gate_up);
    const Tensor x = enter_backward(d_stream, d_normed, layer.middle, layer.mlp_inv_rms,
                                    weights.base.before_mlp, d_weights.base.before_mlp);
    weight_backward(d_weights.base.gate_up, d_weights.adapters.gate_up, d_gate_up, {x},
                    gate_up_of(weights, layer), d_weights.adds);
}

Tensor Transformer::Impl::attention_out_backward(const Tensor& d_attention, const Tensor& delta,
                                                 const LayerWeights& weights, const LayerGradients& d_weights,
                                                 const LayerTensors& layer, const Tensor& attention,
                                                 const Tensor& d_stream) {
    OutGradient d_out{before_norm(d_stream, layer.attention_out, layer.attention_out_inv_rms,
                                  weights.base.after_attention, d_weights.base.after_attention)};
    bool has_delta = false;
    const AdaptedLinear linear = attention_out_of(weights, layer);
    if (delta && precision != Precision::fp8)
        has_delta = backend.attention_out_backward_input(d_attention, delta, d_out.d_out, linear.base.weight,
                                                         linear.adapter, d_between(linear), attention);
    else
        input_backward(d_attention, d_out, linear, d_weights.base.attention_out);
    weight_backward(d_weights.base.attention_out, d_weights.adapters.attention_out, d_out, {attention},
                    linear, d_weights.adds);
    return has_delta ? delta : Tensor();
}

void Transformer::Impl::attend_backward(const LayerWeights& weights, const LayerGradients& d_weights,
                                        const LayerTensors& layer, const DeviceBin& bin, std::int64_t index,
                                        const Tensor& d_attention, const Tensor& delta,
                                        const Tensor& d_stream) {
    const std::int64_t tokens = bin.tokens, heads = shape.query_heads + 2 * shape.kv_heads;
    const Tensor d_qkv = activation(work.d_qkv, {tokens, heads, shape.head_dim});
    const Tensor qkv =
        weights.base.query_norm ? normed_and_rotated(weights, layer.qkv, bin, index) : layer.qkv;
    const DeviceBin::View& view = view_of(bin, index);
    backend.attention_backward(d_qkv, d_attention, layer.attention, layer.lse, delta, qkv, *view.mask,
                               view.shape, rotation_of(bin, index));
    if (weights.base.query_norm)
        backend.qk_norm_backward(d_qkv, d_weights.base.query_norm, d_weights.base.key_norm, layer.qkv,
                                 weights.base.query_norm, weights.base.key_norm, shape, norm);
    const Tensor d_normed = activation(work.narrow, {tokens, config.hidden_size});
    OutGradient d_projected{flat(d_qkv)};
    input_backward(d_normed, d_projected, qkv_of(weights, layer), d_weights.base.qkv);
    const Tensor x = enter_backward(d_stream, d_normed, layer.input, layer.attention_inv_rms,
                                    weights.base.before_attention, d_weights.base.before_attention);
    weight_backward(d_weights.base.qkv, d_weights.adapters.qkv, d_projected, {x}, qkv_of(weights, layer),
                    d_weights.adds);
}

void Transformer::Impl::backward(const ModelView& model, const GradientView& gradients, DeviceBin& bin,
                                 std::span<const float> weight, BackwardProgress* progress) {
    if (kept_bin != &bin) throw fault("backward without a forward pass of the same bin that keeps");
    if (static_cast<std::int64_t>(weight.size()) != bin.targets) throw fault("backward with too few weights");
    if ((model.adapter != nullptr) != (gradients.adapter != nullptr))
        throw fault("an adapter without its gradient");
    if (!gradients.adds && (gradients.base == nullptr || bin.targets == 0))
        throw fault("a gradient to be written by a pass that does not write all of it");
    kept_bin = nullptr;
    if (bin.targets == 0) return;
    const std::int64_t tokens = bin.tokens, rows = bin.rows, hidden = config.hidden_size,
                       out_size = shape.query_heads * shape.head_dim;

    // Buckets of Parameters: 0 is the embedding, layer i is 1 + i.
    const auto bucket = [](std::int64_t layer) { return static_cast<std::size_t>(1 + layer); };
    Tensor d_stream = head_backward(model, gradients, bin, weight);
    if (progress != nullptr) progress->done(bucket(config.layers));
    const std::int64_t lowest = lowest_trained(gradients);
    for (std::int64_t i = config.layers - 1; i >= lowest; --i) {
        const bool last = i + 1 == config.layers;
        if (progress != nullptr) progress->begin(bucket(i));
        const LayerWeights weights = layer_weights(model, i);
        const LayerGradients d_weights = d_layer(gradients, i);
        if (!d_weights.adds) zero_what_is_added_to(d_weights.base);
        const LayerTensors layer = tensors_of(kept, i, weights.adapters, tokens, last ? rows : tokens);
        if (!last) bring_back(weights, layer, bin, i);
        mlp_backward(weights, d_weights, layer, d_stream);
        const Tensor d_attention = activation(work.d_attention, {tokens, out_size});
        Tensor delta;
        if (last) {
            // Only the rows that are read went on; the others get their gradient through attention alone.
            const Tensor d_rows = activation(work.d_attention_rows, {rows, out_size});
            attention_out_backward(d_rows, {}, weights, d_weights, layer,
                                   activation(kept.attention_rows, {rows, out_size}), d_stream);
            backend.zero(d_attention);
            backend.scatter_add_rows(d_attention, d_rows, bin.read_row);
            const Tensor d_read = d_stream;
            d_stream = activation(work.d_stream, {tokens, hidden});
            backend.zero(d_stream);
            backend.scatter_add_rows(d_stream, d_read, bin.read_row);
        } else {
            delta = attention_out_backward(d_attention, statistic(work.delta, {tokens, shape.query_heads}),
                                           weights, d_weights, layer, layer.attention, d_stream);
        }
        attend_backward(weights, d_weights, layer, bin, i, d_attention, delta, d_stream);
        if (progress != nullptr) progress->done(bucket(i));
    }
    if (gradients.base == nullptr) return;
    if (config.embedding_scale != 1) backend.scale(d_stream, static_cast<float>(config.embedding_scale));
    // A tied head's gradient is there already, and this one is added to it.
    if (!gradients.adds && !config.tie_word_embeddings) backend.zero(gradients.base->embedding);
    backend.embedding_backward(gradients.base->embedding, bin.token, d_stream);
    if (progress != nullptr) progress->done(0);
}

}  // namespace wishbone
