#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "model/activations.h"
#include "model/transformer/transformer.h"

namespace wishbone {

struct DeviceBin {
    std::int64_t tokens = 0, rows = 0, targets = 0;
    Buffer memory;  ///< of all the tensors below
    Tensor token, position, read_row;
    HeadTargets head;
    /// For each of the model's windows.
    struct View {
        AttentionShape shape;
        std::shared_ptr<AttentionMask> mask;
    };
    std::vector<View> views;
};

inline Error fault(const std::string& what) {
    return Error(ExitCode::internal, what, "model", "This is a fault of the runner, please report it.");
}

/// The transformer at work: bin.cpp makes bins ready, layer.cpp has the pieces of a layer that all passes
/// share, products.cpp its linear layers in either precision, forward.cpp, backward.cpp and decode.cpp the passes.
struct Transformer::Impl {
    Backend& backend;
    const ModelConfig config;
    const DType dtype;
    const AttentionShape shape;  ///< without a window
    const RmsNorm norm;
    const RecomputePlan recompute;
    Precision precision;
    std::vector<std::int64_t> windows;  ///< those of the layers, each once
    Activations kept, passing;          ///< of a forward pass that keeps, and of one that does not
    Workspace work;
    struct RopeTables {
        Buffer memory;
        Tensor cos, sin;
    };
    std::vector<RopeTables> rope_tables;  ///< for each of `config.ropes`
    std::int64_t rope_positions = 0, longest = 0;
    const DeviceBin* kept_bin = nullptr;

    Impl(Backend& the_backend, ModelConfig the_config, RecomputePlan the_recompute, Precision the_precision);

    Tensor activation(Slot& slot, std::initializer_list<std::int64_t> dims) {
        return slot.get(backend, dtype, dims);
    }
    Tensor statistic(Slot& slot, std::initializer_list<std::int64_t> dims) {
        return slot.get(backend, DType::f32, dims);
    }

    Activations::Layer& layer_of(Activations& activations, std::int64_t layer) {
        return activations.layers[static_cast<std::size_t>(layer) % activations.layers.size()];
    }

    // ---- bin.cpp ----

    void expect_length(std::int64_t length) {
        longest = length;
        rope_positions = 0;
    }

    /// Tables grow with the longest sequence seen, so a config that allows long ones costs nothing.
    void reach_position(std::int64_t positions);

    /// The masks of the model's windows; one that no sequence of the bin outgrows is none.
    std::vector<DeviceBin::View> views_of(const BinView& view);

    const DeviceBin::View& view_of(const DeviceBin& bin, std::int64_t layer) const {
        const auto window = std::ranges::find(windows, config.kind_of(layer).window);
        return bin.views[static_cast<std::size_t>(window - windows.begin())];
    }

    /// Throws a fault where a bin's arrays would lead outside of it or of the vocabulary.
    void check(const BinView& view) const;

    std::shared_ptr<DeviceBin> prepare(const BinView& whole);

    // ---- layer.cpp ----

    /// A layer's results, of all `tokens` up to attention and of the `rows` that go on behind it. What the
    /// model has no norm or no adapter for is empty.
    struct LayerTensors {
        Tensor input, attention_inv_rms, qkv, attention, lse;
        Tensor attention_out, attention_out_inv_rms, middle, mlp_inv_rms;
        Tensor gate_up, mlp_out, mlp_out_inv_rms;
        Tensor qkv_low_rank, attention_out_low_rank, gate_up_low_rank, down_low_rank;
    };

    LayerTensors tensors_of(Activations& activations, std::int64_t layer, const Lora::Layer& adapters,
                            std::int64_t tokens, std::int64_t rows);

    /// A layer of the model and its adapters.
    struct LayerWeights {
        const Parameters::Layer& base;
        const Lora::Layer& adapters;
    };

    /// To be asked for when the layer's turn comes, not before.
    static LayerWeights layer_weights(const ModelView& model, std::int64_t layer) {
        static const Lora::Layer none = {};
        const auto at = static_cast<std::size_t>(layer);
        if (model.supply != nullptr) model.supply->use(layer);
        return {model.base.layers[at], model.adapter != nullptr ? model.adapter->layers[at] : none};
    }

    /// A linear layer, the adapters on it and what lies between their two matrices.
    struct AdaptedLinear {
        const Linear& base;
        const LowRank& adapter;
        Tensor between;
    };

    static AdaptedLinear qkv_of(const LayerWeights& weights, const LayerTensors& layer) {
        return {weights.base.qkv, weights.adapters.qkv, layer.qkv_low_rank};
    }
    static AdaptedLinear attention_out_of(const LayerWeights& weights, const LayerTensors& layer) {
        return {weights.base.attention_out, weights.adapters.attention_out, layer.attention_out_low_rank};
    }
    static AdaptedLinear gate_up_of(const LayerWeights& weights, const LayerTensors& layer) {
        return {weights.base.gate_up, weights.adapters.gate_up, layer.gate_up_low_rank};
    }
    static AdaptedLinear down_of(const LayerWeights& weights, const LayerTensors& layer) {
        return {weights.base.down, weights.adapters.down, layer.down_low_rank};
    }

    /// [T, heads, D] as the matrix [T, heads · D].
    static Tensor flat(const Tensor& qkv) {
        return Tensor(qkv.data, qkv.dtype, {qkv.shape[0], qkv.shape[1] * qkv.shape[2]});
    }

    /// What a linear layer reads: in FP8, where what made it made that too, and then `x` only where adapters read it.
    struct Operand {
        Tensor x;
        Fp8Matrix rows = {}, columns = {};
    };
    /// The gradient of what it gives, likewise.
    struct OutGradient {
        Tensor d_out;
        Fp8Matrix rows = {}, columns = {};
    };

    /// sum = stream + delta (without `delta` the stream itself, which `sum` then is). Returns what the
    /// sublayer behind, with these adapters, reads: the normed sum, or the sum where there is no norm.
    Operand enter(const Tensor& sum, const Tensor& inv_rms, const Tensor& stream, const Tensor& delta,
                  const Tensor& weight, const LowRank& adapter);

    /// The residual stream: the sum of the two, or the first alone.
    struct Stream {
        Tensor sum, delta;
    };

    /// The stream behind a sublayer that ends with this linear layer. Where nothing else is to be done with what it gives, its product
    /// adds to the stream, and `sum` is written; else that is left in `delta`, normed where a norm follows, and then what the layer gave
    /// is left in `out`.
    Stream leave(const Tensor& sum, const Tensor& stream, const Tensor& delta, const Tensor& out,
                 const Tensor& inv_rms, const Operand& x, const AdaptedLinear& layer, const Tensor& weight);

    /// How a layer rotates the tokens of a bin; none where it has no RoPE.
    Rotation rotation_of(const DeviceBin& bin, std::int64_t layer) const;

    /// Queries, keys and values of what the layer reads, as attention reads them. In `layer.qkv` they are left rotated, or, where heads
    /// are normed before, as the linear layer gives them.
    Tensor queries_keys_values(const LayerWeights& weights, const LayerTensors& layer, const Operand& x,
                               const DeviceBin& bin, std::int64_t index);

    /// What attention reads, in memory of its own, of heads that are normed: `qkv` as the linear layer gives them.
    Tensor normed_and_rotated(const LayerWeights& weights, const Tensor& qkv, const DeviceBin& bin,
                              std::int64_t layer);

    void attend(const LayerWeights& weights, const LayerTensors& layer, const Operand& x,
                const DeviceBin& bin, std::int64_t index);

    /// What becomes of the gates of an MLP: they stay, for the backward pass; they go on, to the MLP's second linear layer.
    struct Gates {
        bool stay, go_on;
    };

    /// The gates, and what the gated unit makes of them where they go on.
    Operand gate(const LayerWeights& weights, const LayerTensors& layer, const Operand& x, Gates gates);

    /// From attention to the gated unit of the MLP, whose output it returns. `stream` and `attention`: the rows that go on. `delta`
    /// is scratch.
    Operand project_and_gate(const LayerWeights& weights, const LayerTensors& layer, const Tensor& stream,
                             const Tensor& attention, const Tensor& delta, Gates gates);

    /// From the gated unit to the stream behind the MLP; `sum` and `delta` as in `leave`.
    Stream finish_mlp(const LayerWeights& weights, const LayerTensors& layer, const Operand& product,
                      const Tensor& sum, const Tensor& delta);

    // ---- products.cpp ----

    /// Room for a matrix in FP8.
    Fp8Matrix in_fp8(Workspace::Fp8Slot& slot, std::int64_t rows, std::int64_t columns);

    /// out = x · wᵀ with adapters and bias.
    void project(const Tensor& out, const Operand& x, const AdaptedLinear& layer);

    /// d_x = d_out · w with adapters. In FP8 it leaves in `d` what `weight_backward` reads of it.
    void input_backward(const Tensor& d_x, OutGradient& d, const AdaptedLinear& layer, const Linear& d_base);

    /// Behind `input_backward` of the same layer, which leaves the inner gradients of its adapters.
    /// The weight's gradient is written unless `adds`; that of bias and adapters is always added to.
    void weight_backward(const Linear& d_base, const LowRank& d_adapter, const OutGradient& d,
                         const Operand& x, const AdaptedLinear& layer, bool adds);

    // ---- forward.cpp ----

    /// Everything up to the head: returns the normed hidden states [rows, H] of the rows that are read.
    Tensor forward_hidden(const ModelView& model, DeviceBin& bin, Activations& activations);

    /// Logits of as many rows as the backend thinks worth keeping; an empty tensor when there are none.
    Tensor kept_logits(const DeviceBin& bin);

    PendingLogps begin_forward(const ModelView& model, DeviceBin& bin, bool keep, bool log_sum_squares);

    /// Logits of normed hidden states [rows, H], on the host.
    std::vector<float> logits_of(const ModelView& model, const Tensor& hidden);

    std::vector<float> logits(const ModelView& model, std::span<const std::int32_t> tokens);

    // ---- backward.cpp ----

    /// Brings back what the forward pass did not keep of a layer. The last layer's results are still there.
    void bring_back(const LayerWeights& weights, const LayerTensors& layer, const DeviceBin& bin,
                    std::int64_t index);

    /// A layer of the gradients. What is frozen is empty.
    struct LayerGradients {
        const Parameters::Layer& base;
        const Lora::Layer& adapters;
        bool adds;  ///< GradientView's
    };
    static LayerGradients d_layer(const GradientView& gradients, std::int64_t layer);

    /// Zero, where a pass that writes adds to it: norms and biases.
    void zero_what_is_added_to(const Parameters::Layer& layer);

    /// The gradient of what lies between the two matrices of a layer's adapters; empty where it has none.
    Tensor d_between(const AdaptedLinear& layer) {
        if (!layer.adapter) return {};
        return activation(work.d_low_rank, {layer.between.rows(), layer.between.shape[1]});
    }

    /// The lowest layer with something to train; below it no gradient is needed.
    static std::int64_t lowest_trained(const GradientView& gradients);

    /// The gradient of what a sublayer's last linear layer gave, `out`, from that of what was added to the
    /// stream.
    Tensor before_norm(const Tensor& d_delta, const Tensor& out, const Tensor& inv_rms, const Tensor& weight,
                       const Tensor& d_weight);

    /// Adds to the stream's gradient what comes back from a sublayer. Returns what the sublayer read.
    Tensor enter_backward(const Tensor& d_stream, const Tensor& d_x, const Tensor& stream,
                          const Tensor& inv_rms, const Tensor& weight, const Tensor& d_weight);

    // Of each piece of the forward pass. `d_stream` is the gradient of the residual stream behind the piece
    // and becomes that before it.

    /// Returns the stream's gradient in the rows that are read.
    Tensor head_backward(const ModelView& model, const GradientView& gradients, const DeviceBin& bin,
                         std::span<const float> weight);
    void mlp_backward(const LayerWeights& weights, const LayerGradients& d_weights, const LayerTensors& layer,
                      const Tensor& d_stream);
    /// Of the linear layer behind attention alone: the stream's gradient stays what it is. Returns `delta` as
    /// `Backend::attention_backward` takes it, empty where it is not known.
    Tensor attention_out_backward(const Tensor& d_attention, const Tensor& delta, const LayerWeights& weights,
                                  const LayerGradients& d_weights, const LayerTensors& layer,
                                  const Tensor& attention, const Tensor& d_stream);
    void attend_backward(const LayerWeights& weights, const LayerGradients& d_weights,
                         const LayerTensors& layer, const DeviceBin& bin, std::int64_t index,
                         const Tensor& d_attention, const Tensor& delta, const Tensor& d_stream);

    void backward(const ModelView& model, const GradientView& gradients, DeviceBin& bin,
                  std::span<const float> weight, BackwardProgress* progress);

    // ---- decode.cpp ----

    std::vector<float> next_logits(const ModelView& model, KeyValueCache& cache,
                                   std::span<const std::int32_t> tokens);
};

}  // namespace wishbone
