#include "backend/cuda/gated/sm90/kernel.cuh"
#include "backend/cuda/gated/sm90/product.h"

namespace wishbone::cuda::sm90 {
namespace gated {
namespace {

Maps maps_of(__nv_bfloat16* d_gate_up, __nv_bfloat16* out, const __nv_bfloat16* d_out, const __nv_bfloat16* w,
             const __nv_bfloat16* gate_up, const GatedSize& size) {
    const auto rows = static_cast<std::uint64_t>(size.rows),
               columns = static_cast<std::uint64_t>(size.columns),
               inner = static_cast<std::uint64_t>(size.inner);
    Maps maps{};
    maps.left = encode_tensor_3d(d_out, inner, rows, 1, tile_inner, tile_rows, 1);
    maps.right = encode_tensor_3d(w, columns, inner, 1, swizzle_width, tile_inner, 1);
    maps.result = result_map(out, rows, columns);
    maps.gates = gates_map(gate_up, rows, columns);
    maps.d_gates = gates_map(d_gate_up, rows, columns);
    return maps;
}

}  // namespace
}  // namespace gated

void gated_backward(const Device& device, cudaStream_t stream, __nv_bfloat16* d_gate_up, __nv_bfloat16* out,
                    const __nv_bfloat16* d_out, const __nv_bfloat16* w, const __nv_bfloat16* gate_up,
                    GatedSize size, Activation activation) {
    using namespace gated;
    const Maps maps = maps_of(d_gate_up, out, d_out, w, gate_up, size);
    const auto run = [&]<class C>(C) { launch<C>(device, stream, maps, size, true, true); };
    if (activation == Activation::silu)
        run(Config<Pass::backward, Activation::silu>{});
    else
        run(Config<Pass::backward, Activation::gelu_tanh>{});
}

}  // namespace wishbone::cuda::sm90
