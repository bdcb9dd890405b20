#include "backend/backend.h"
#include "backend/require.h"

// Operations that are several after one another, for backends that have nothing better.

namespace wishbone {

void Backend::linear_added(Tensor sum, Tensor stream, Tensor x, Tensor w) {
    require(sum.data != stream.data, "linear_added");
    linear(sum, x, w);
    add(sum, stream, sum);
}

void Backend::gated_linear(Tensor out, Tensor gate_up, Tensor x, Tensor w, Activation activation,
                           bool /*keeps*/) {
    linear(gate_up, x, w);
    if (out) glu(out, gate_up, activation);
}

void Backend::gated_linear_backward_input(Tensor d_gate_up, Tensor out, Tensor d_product, Tensor d_out,
                                          Tensor w, Tensor gate_up, Activation activation) {
    linear_backward_input(d_product, d_out, w);
    glu_backward(d_gate_up, out, d_product, gate_up, activation);
}

bool Backend::attention_out_backward_input(Tensor d_attention, Tensor /*delta*/, Tensor d_out, Tensor w,
                                           Tensor /*attention*/) {
    linear_backward_input(d_attention, d_out, w);
    return false;
}

void Backend::rotated_linear(Tensor qkv, Tensor x, Tensor w, const Rotation& rotation, AttentionShape shape) {
    require(qkv.rank == 3, "rotated_linear");
    linear(Tensor(qkv.data, qkv.dtype, {qkv.shape[0], qkv.shape[1] * qkv.shape[2]}), x, w);
    if (rotation) rope(qkv, rotation, shape, false);
}

}  // namespace wishbone
