#include "backend/cuda/gated/sm90/epilogue.cuh"
#include "backend/cuda/gated/sm90/product.h"
#include "backend/cuda/matmul/sm90/kernel.cuh"

namespace wishbone::cuda::sm90 {
namespace gated {
namespace {

using product::Form;

template <Activation A>
void forward(const Device& device, cudaStream_t stream, __nv_bfloat16* out, __nv_bfloat16* gate_up,
             const product::Factors& of, const product::Size& size, const product::Behind& behind) {
    // A map of nothing is of what is there instead, and not used.
    Gates::Maps maps{};
    maps.result = product::result_map(out != nullptr ? out : gate_up, size);
    maps.gates = maps.d_gates = gates_map(gate_up != nullptr ? gate_up : out, size);
    product::launch<product::Config<Form::forward, Forward<A>>>(
        device, stream, of, maps, size, {.stores_result = out != nullptr, .stores_gates = gate_up != nullptr},
        behind);
}

}  // namespace
}  // namespace gated

void gated_forward(const Device& device, cudaStream_t stream, __nv_bfloat16* out, __nv_bfloat16* gate_up,
                   const product::Factors& of, product::Size size, Activation activation,
                   const product::Behind& behind) {
    const auto run = activation == Activation::silu ? gated::forward<Activation::silu>
                                                    : gated::forward<Activation::gelu_tanh>;
    run(device, stream, out, gate_up, of, size, behind);
}

}  // namespace wishbone::cuda::sm90
