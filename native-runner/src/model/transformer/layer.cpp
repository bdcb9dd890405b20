#include "model/transformer/impl.h"

namespace wishbone {

Transformer::Impl::LayerTensors Transformer::Impl::tensors_of(Activations& activations, std::int64_t layer,
                                                              const Lora::Layer& adapters,
                                                              std::int64_t tokens, std::int64_t rows) {
    Activations::Layer& own = layer_of(activations, layer);
    // The last layer's results lie where those of layers are that are computed again: they are read before any of these is.
    const bool keeps = &activations == &kept, last = layer + 1 == config.layers;
    const Recompute again = last ? recompute.of(0) : recompute.of(layer);
    Activations::Layer& attention = keeps && again == Recompute::block ? activations.recomputed : own;
    Activations::Layer& mlp = keeps && again != Recompute::none ? activations.recomputed : own;
    const std::int64_t heads = shape.query_heads + 2 * shape.kv_heads, hidden = config.hidden_size;
    LayerTensors tensors;
    tensors.input = activation(own.input, {tokens, hidden});
    tensors.attention_inv_rms = statistic(attention.attention_inv_rms, {tokens});
    tensors.qkv = activation(attention.qkv, {tokens, heads, shape.head_dim});
    tensors.attention = activation(attention.attention, {tokens, shape.query_heads * shape.head_dim});
    tensors.lse = statistic(attention.lse, {shape.query_heads, tokens});
    if (!config.norms.after_attention.empty()) {
        tensors.attention_out = activation(attention.attention_out, {rows, hidden});
        tensors.attention_out_inv_rms = statistic(attention.attention_out_inv_rms, {rows});
    }
    tensors.middle = activation(attention.middle, {rows, hidden});
    tensors.mlp_inv_rms = statistic(attention.mlp_inv_rms, {rows});
    tensors.gate_up = activation(mlp.gate_up, {rows, 2 * config.intermediate_size});
    if (!config.norms.after_mlp.empty()) {
        tensors.mlp_out = activation(mlp.mlp_out, {rows, hidden});
        tensors.mlp_out_inv_rms = statistic(mlp.mlp_out_inv_rms, {rows});
    }
    const auto low_rank = [this](Slot& slot, const LowRank& adapter, std::int64_t of_rows) {
        return adapter ? activation(slot, {of_rows, adapter.a.rows()}) : Tensor();
    };
    tensors.qkv_low_rank = low_rank(attention.qkv_low_rank, adapters.qkv, tokens);
    tensors.attention_out_low_rank = low_rank(attention.attention_out_low_rank, adapters.attention_out, rows);
    tensors.gate_up_low_rank = low_rank(mlp.gate_up_low_rank, adapters.gate_up, rows);
    tensors.down_low_rank = low_rank(own.down_low_rank, adapters.down, rows);
    return tensors;
}

Transformer::Impl::Operand Transformer::Impl::enter(const Tensor& sum, const Tensor& inv_rms,
                                                    const Tensor& stream, const Tensor& delta,
                                                    const Tensor& weight, const LowRank& adapter) {
    if (!weight) {
        if (delta) backend.add(sum, stream, delta);
        return {sum};
    }
    const bool is_fp8 = precision == Precision::fp8;
    const Tensor normed =
        is_fp8 && !adapter ? Tensor() : activation(work.normed, {sum.rows(), config.hidden_size});
    const Tensor to = delta ? sum : Tensor();
    if (!is_fp8) {
        backend.add_rmsnorm(to, normed, inv_rms, stream, delta, weight, norm);
        return {normed};
    }
    const Fp8Matrix rows = in_fp8(work.fp8_rows, sum.rows(), config.hidden_size);
    backend.fp8_add_rmsnorm(rows, to, normed, inv_rms, stream, delta, weight, norm);
    return {normed, rows};
}

Transformer::Impl::Stream Transformer::Impl::leave(const Tensor& sum, const Tensor& stream,
                                                   const Tensor& delta, const Tensor& out,
                                                   const Tensor& inv_rms, const Operand& x,
                                                   const AdaptedLinear& layer, const Tensor& weight) {
    if (weight) {
        project(out, x, layer);
        backend.add_rmsnorm({}, delta, inv_rms, out, {}, weight, norm);
    } else if (precision != Precision::fp8 && !layer.adapter && !layer.base.bias) {
        backend.linear_added(sum, stream, x.x, layer.base.weight);
        return {sum, {}};
    } else {
        project(delta, x, layer);
    }
    return {stream, delta};
}

Rotation Transformer::Impl::rotation_of(const DeviceBin& bin, std::int64_t layer) const {
    const int rope = config.kind_of(layer).rope;
    if (rope == LayerKind::no_rope) return {};
    const RopeTables& tables = rope_tables[static_cast<std::size_t>(rope)];
    return {tables.cos, tables.sin, bin.position};
}

Tensor Transformer::Impl::normed_and_rotated(const LayerWeights& weights, const Tensor& qkv,
                                             const DeviceBin& bin, std::int64_t layer) {
    const Tensor result = activation(work.qkv, {qkv.shape[0], qkv.shape[1], qkv.shape[2]});
    backend.qk_norm(result, qkv, weights.base.query_norm, weights.base.key_norm, shape, norm);
    if (const Rotation rotation = rotation_of(bin, layer)) backend.rope(result, rotation, shape, false);
    return result;
}

Tensor Transformer::Impl::queries_keys_values(const LayerWeights& weights, const LayerTensors& layer,
                                              const Operand& x, const DeviceBin& bin, std::int64_t index) {
    const AdaptedLinear linear = qkv_of(weights, layer);
    const Rotation rotation = rotation_of(bin, index);
    if (precision != Precision::fp8 && !weights.base.query_norm && !linear.base.bias && !linear.base.scale) {
        backend.rotated_linear(layer.qkv, x.x, linear.base.weight, linear.adapter, linear.between, rotation,
                               shape);
        return layer.qkv;
    }
    project(flat(layer.qkv), x, linear);
    if (weights.base.query_norm) return normed_and_rotated(weights, layer.qkv, bin, index);
    if (rotation) backend.rope(layer.qkv, rotation, shape, false);
    return layer.qkv;
}

void Transformer::Impl::attend(const LayerWeights& weights, const LayerTensors& layer, const Operand& x,
                               const DeviceBin& bin, std::int64_t index) {
    const Tensor qkv = queries_keys_values(weights, layer, x, bin, index);
    const DeviceBin::View& view = view_of(bin, index);
    backend.attention(layer.attention, layer.lse, qkv, *view.mask, view.shape);
}

Transformer::Impl::Operand Transformer::Impl::project_and_gate(const LayerWeights& weights,
                                                               const LayerTensors& layer,
                                                               const Tensor& stream, const Tensor& attention,
                                                               const Tensor& delta, Gates gates) {
    const Stream behind = leave(layer.middle, stream, delta, layer.attention_out, layer.attention_out_inv_rms,
                                {attention}, attention_out_of(weights, layer), weights.base.after_attention);
    const Operand x = enter(layer.middle, layer.mlp_inv_rms, behind.sum, behind.delta,
                            weights.base.before_mlp, weights.adapters.gate_up);
    return gate(weights, layer, x, gates);
}

Transformer::Impl::Operand Transformer::Impl::gate(const LayerWeights& weights, const LayerTensors& layer,
                                                   const Operand& x, Gates gates) {
    const std::int64_t count = layer.gate_up.rows(), width = config.intermediate_size;
    const AdaptedLinear linear = gate_up_of(weights, layer);
    const bool is_fp8 = precision == Precision::fp8;
    Operand product;
    if (gates.go_on && (!is_fp8 || weights.adapters.down)) product.x = activation(work.wide, {count, width});
    if (!is_fp8 && !linear.base.bias && !linear.base.scale) {
        backend.gated_linear(product.x, layer.gate_up, x.x, linear.base.weight, linear.adapter,
                             linear.between, config.activation, gates.stay);
        return product;
    }
    project(layer.gate_up, x, linear);
    if (!gates.go_on) return {};
    if (is_fp8) {
        product.rows = in_fp8(work.fp8_rows, count, width);
        backend.fp8_glu(product.rows, product.x, layer.gate_up, config.activation);
    } else {
        backend.glu(product.x, layer.gate_up, config.activation);
    }
    return product;
}

Transformer::Impl::Stream Transformer::Impl::finish_mlp(const LayerWeights& weights,
                                                        const LayerTensors& layer, const Operand& product,
                                                        const Tensor& sum, const Tensor& delta) {
    return leave(sum, layer.middle, delta, layer.mlp_out, layer.mlp_out_inv_rms, product,
                 down_of(weights, layer), weights.base.after_mlp);
}

}  // namespace wishbone
