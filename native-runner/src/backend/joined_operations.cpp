#include "backend/backend.h"
#include "backend/require.h"

// Operations that are several after one another, for backends that have nothing better.

namespace wishbone {
namespace {

void forward(Backend& backend, Tensor out, Tensor x, Tensor w, const LowRank& adapter, Tensor h) {
    if (adapter)
        backend.adapted_linear(out, h, x, w, adapter);
    else
        backend.linear(out, x, w);
}

void backward_input(Backend& backend, Tensor d_x, Tensor d_out, Tensor w, const LowRank& adapter,
                    Tensor d_h) {
    if (adapter)
        backend.adapted_linear_backward_input(d_x, d_h, d_out, w, adapter);
    else
        backend.linear_backward_input(d_x, d_out, w);
}

}  // namespace

void Backend::linear_added(Tensor sum, Tensor stream, Tensor x, Tensor w) {
    require(sum.data != stream.data, "linear_added");
    linear(sum, x, w);
    add(sum, stream, sum);
}

void Backend::gated_linear(Tensor out, Tensor gate_up, Tensor x, Tensor w, const LowRank& adapter, Tensor h,
                           Activation activation, bool /*keeps*/) {
    forward(*this, gate_up, x, w, adapter, h);
    if (out) glu(out, gate_up, activation);
}

void Backend::gated_linear_backward_input(Tensor d_gate_up, Tensor out, Tensor d_product, Tensor d_out,
                                          Tensor w, const LowRank& adapter, Tensor d_h, Tensor gate_up,
                                          Activation activation) {
    backward_input(*this, d_product, d_out, w, adapter, d_h);
    glu_backward(d_gate_up, out, d_product, gate_up, activation);
}

bool Backend::attention_out_backward_input(Tensor d_attention, Tensor /*delta*/, Tensor d_out, Tensor w,
                                           const LowRank& adapter, Tensor d_h, Tensor /*attention*/) {
    backward_input(*this, d_attention, d_out, w, adapter, d_h);
    return false;
}

void Backend::rotated_linear(Tensor qkv, Tensor x, Tensor w, const LowRank& adapter, Tensor h,
                             const Rotation& rotation, AttentionShape shape) {
    require(qkv.rank == 3, "rotated_linear");
    forward(*this, Tensor(qkv.data, qkv.dtype, {qkv.shape[0], qkv.shape[1] * qkv.shape[2]}), x, w, adapter,
            h);
    if (rotation) rope(qkv, rotation, shape, false);
}

}  // namespace wishbone
