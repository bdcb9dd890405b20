#include "backend/cuda/gated/sm90/epilogue.cuh"
#include "backend/cuda/gated/sm90/product.h"
#include "backend/cuda/matmul/sm90/kernel.cuh"

namespace wishbone::cuda::sm90 {
namespace gated {
namespace {

using product::Form;

template <Activation A>
void backward(const Device& device, cudaStream_t stream, __nv_bfloat16* d_gate_up, __nv_bfloat16* out,
              const product::Factors& of, const __nv_bfloat16* gate_up, const product::Size& size,
              const product::Behind& behind) {
    Gates::Maps maps{};
    maps.result = product::result_map(out, size);
    maps.gates = gates_map(gate_up, size);
    maps.d_gates = gates_map(d_gate_up, size);
    product::launch<product::Config<Form::input_gradient, Backward<A>>>(
        device, stream, of, maps, size, {.stores_result = true, .stores_gates = true}, behind);
}

}  // namespace
}  // namespace gated

void gated_backward(const Device& device, cudaStream_t stream, __nv_bfloat16* d_gate_up, __nv_bfloat16* out,
                    const product::Factors& of, const __nv_bfloat16* gate_up, product::Size size,
                    Activation activation, const product::Behind& behind) {
    const auto run = activation == Activation::silu ? gated::backward<Activation::silu>
                                                    : gated::backward<Activation::gelu_tanh>;
    run(device, stream, d_gate_up, out, of, gate_up, size, behind);
}

}  // namespace wishbone::cuda::sm90
