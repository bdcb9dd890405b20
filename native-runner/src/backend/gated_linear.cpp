#include "backend/backend.h"

namespace wishbone {

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

}  // namespace wishbone
