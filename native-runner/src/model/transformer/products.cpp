#include "model/transformer/impl.h"

// In FP8 a weight that is trained is quantised each time it is read, which takes a hundredth of the time of its product
// (docs/benchmarks.md, "FP8"): then none can be out of date, and one layer's copy is all the memory it takes. A frozen one is there in
// FP8 alone, by rows. What the input gradient needs is its transpose with scales along the columns that are contracted, which the
// library has not: they go into the other operand before that is quantised, and the transpose is of the bare numbers.

namespace wishbone {

Fp8Matrix Transformer::Impl::in_fp8(Workspace::Fp8Slot& slot, std::int64_t rows, std::int64_t columns) {
    return {slot.values.get(backend, DType::e4m3, {rows, columns}),
            slot.scale.get(backend, DType::f32, {rows})};
}

void Transformer::Impl::project(const Tensor& out, const Operand& operand, const AdaptedLinear& layer) {
    const Tensor& x = operand.x;
    const Tensor& weight = layer.base.weight;
    const bool is_fp8 = precision == Precision::fp8;
    if (layer.base.scale && !is_fp8) throw fault("weights in FP8 alone, and another precision");
    if (layer.adapter)
        backend.adapted_linear(out, layer.between, x, is_fp8 ? Tensor() : weight, layer.adapter);
    else if (!is_fp8)
        backend.linear(out, x, weight);
    if (is_fp8) {
        Fp8Matrix rows = operand.rows;
        if (!rows) {
            rows = in_fp8(work.fp8_rows, x.rows(), x.shape[1]);
            backend.fp8_quantise(rows, {}, x);
        }
        Fp8Matrix narrow = layer.base.in_fp8();
        if (!layer.base.scale) {
            narrow = in_fp8(work.fp8_weight, weight.rows(), weight.shape[1]);
            backend.fp8_quantise(narrow, {}, weight);
        }
        backend.fp8_linear(out, rows, narrow, static_cast<bool>(layer.adapter));
    }
    if (layer.base.bias) backend.add_bias(out, layer.base.bias);
}

void Transformer::Impl::input_backward(const Tensor& d_x, OutGradient& d, const AdaptedLinear& layer,
                                       const Linear& d_base) {
    const Tensor& weight = layer.base.weight;
    const bool is_fp8 = precision == Precision::fp8;
    if (layer.adapter)
        backend.adapted_linear_backward_input(d_x, d_between(layer), d.d_out, is_fp8 ? Tensor() : weight,
                                              layer.adapter);
    else if (!is_fp8)
        backend.linear_backward_input(d_x, d.d_out, weight);
    if (!is_fp8) return;
    const std::int64_t rows = d_x.rows(), outputs = weight.rows(), inputs = weight.shape[1];
    if (!d.rows) {
        d.rows = in_fp8(work.fp8_rows, rows, outputs);
        if (d_base.weight) d.columns = in_fp8(work.fp8_d_columns, outputs, fp8_padded(rows));
        if (layer.base.scale)
            backend.fp8_quantise_scaled(d.rows, d.d_out, layer.base.scale);
        else
            backend.fp8_quantise(d.rows, d.columns, d.d_out);
    } else if (layer.base.scale) {
        throw fault("a gradient in FP8 without the scales of a frozen weight");
    }
    const Fp8Matrix transposed = in_fp8(work.fp8_weight, inputs, outputs);
    if (layer.base.scale)
        backend.fp8_transpose(transposed, weight);
    else
        backend.fp8_quantise({}, transposed, weight);
    backend.fp8_backward_input(d_x, d.rows, transposed, static_cast<bool>(layer.adapter));
}

void Transformer::Impl::weight_backward(const Linear& d_base, const LowRank& d_adapter, const OutGradient& d,
                                        const Operand& x, const AdaptedLinear& layer, bool adds) {
    if (d_base.weight && precision == Precision::fp8) {
        Fp8Matrix columns = x.columns;
        if (!columns) {
            columns = in_fp8(work.fp8_columns, x.x.shape[1], fp8_padded(x.x.rows()));
            backend.fp8_quantise({}, columns, x.x);
        }
        backend.fp8_backward_weight(d_base.weight, d.columns, columns, adds);
    } else if (d_base.weight) {
        backend.linear_backward_weight(d_base.weight, d.d_out, x.x, adds);
    }
    if (d_base.bias) backend.bias_backward(d_base.bias, d.d_out);
    if (d_adapter)
        backend.low_rank_backward_weight(d_adapter, d.d_out, x.x, layer.between, d_between(layer),
                                         layer.adapter);
}

}  // namespace wishbone
