#pragma once

#include <cstddef>
#include <initializer_list>
#include <vector>

#include "backend/backend.h"

namespace wishbone {

/// Device memory under one name that grows to the largest tensor asked for and is used again by the next bin.
/// A larger request loses the contents.
class Slot {
  public:
    Tensor get(Backend& backend, DType dtype, std::initializer_list<std::int64_t> shape) {
        Tensor tensor(nullptr, dtype, shape);
        if (tensor.bytes() > capacity_ || !buffer_) {
            capacity_ = 0;
            buffer_.reset();
            buffer_ = backend.allocate(tensor.bytes());
            capacity_ = tensor.bytes();
        }
        tensor.data = buffer_.get();
        return tensor;
    }

  private:
    Buffer buffer_;
    std::size_t capacity_ = 0;
};

/// What a forward pass leaves behind. T tokens, N rows that go on behind attention (T, in the last layer the
/// U rows that a target reads), H hidden size, F feed-forward size. Outputs of the norms before a sublayer and
/// of the gated unit are not kept: their backward passes make them again on the way. Where queries and keys
/// are normed, what was there before is kept, and norm and rotation are done again.
struct Activations {
    struct Layer {
        Slot input;              ///< [T, H], the residual stream before attention
        Slot attention_inv_rms;  ///< f32 [T]
        Slot qkv;                ///< [T, Hq + 2·Hkv, D], rotated unless queries and keys are normed first
        Slot attention, lse;     ///< [T, Hq·D], f32 [Hq, T]
        Slot attention_out, attention_out_inv_rms;  ///< [N, H], f32 [N]: where a norm follows
        Slot middle;                                ///< [N, H], the residual stream before the MLP
        Slot mlp_inv_rms;                           ///< f32 [N]
        Slot gate_up;                               ///< [N, 2F]
        Slot mlp_out, mlp_out_inv_rms;              ///< [N, H], f32 [N]: where a norm follows
        /// Between the two matrices of the adapters on a linear layer, [T, R] and three times [N, R].
        Slot qkv_low_rank, attention_out_low_rank, gate_up_low_rank, down_low_rank;
    };
    std::vector<Layer> layers;
    Layer recomputed;                   ///< what `Recompute` does not keep: of the layer in progress
    Slot attention_rows, input_rows;    ///< last layer: [U, Hq·D], [U, H]
    Slot last, final_inv_rms, hidden;   ///< [U, H], f32 [U], [U, H]
    Slot kept_logits, head_lse, logps;  ///< [C, V], f32 [U], f32 [R]
};

/// Memory that nothing outlives an operation or two in, shared by forward and backward of all layers.
struct Workspace {
    Slot normed;            ///< [T, H]
    Slot narrow;            ///< [T, H]
    Slot wide, wide2;       ///< [N, F]
    Slot d_stream, d_rows;  ///< gradient of the residual stream: [T, H], [U, H]
    Slot d_branch;          ///< gradient of what a sublayer gives to the norm behind it, [N, H]
    Slot qkv;               ///< [T, Hq + 2·Hkv, D], normed and rotated
    Slot d_attention, d_attention_rows, d_qkv;
    Slot delta;  ///< f32 [T, Hq], Σ of d_attention and attention
    /// In FP8 (model/transformer/products.cpp): values and scales of a layer's weight, of what it reads by rows, and of the gradient
    /// of what it gives by rows and of both by columns.
    struct Fp8Slot {
        Slot values, scale;
    };
    Fp8Slot fp8_weight, fp8_rows, fp8_d_columns, fp8_columns;
    Fp8Slot fp8_d_gates;   ///< columns of the gradient of gates and ups
    Slot d_low_rank;       ///< gradient between the two matrices of the adapters on a linear layer, [T, R]
    Slot target_weight;    ///< f32 [R]
    Slot log_sum_squares;  ///< f32 [U]
};

}  // namespace wishbone
