#include "backend/cuda/gated/sm90/kernel.cuh"
#include "backend/cuda/gated/sm90/product.h"

namespace wishbone::cuda::sm90 {
namespace gated {
namespace {

Maps maps_of(__nv_bfloat16* d_gate_up, __nv_bfloat16* out, const __nv_bfloat16* d_out, const __nv_bfloat16* w,
             const __nv_bfloat16* gate_up, const Size& size) {
    const auto rows = static_cast<std::uint64_t>(size.rows), columns = static_cast<std::uint64_t>(size.columns),
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
                    GatedSize size, Activation activation, GatedVariant variant) {
    using namespace gated;
    const Size sizes{size.rows, size.columns, size.inner};
    const Maps maps = maps_of(d_gate_up, out, d_out, w, gate_up, sizes);
    const auto run = [&]<class C>(C) { launch<C>(device, stream, maps, sizes, variant.band, true, true); };
    constexpr Pass pass = Pass::backward;
    if (activation == Activation::gelu_tanh) return run(Config<pass, Activation::gelu_tanh>{});
    if (variant.cluster == 1) return run(Config<pass, Activation::silu, 1>{});
    if (variant.cluster == 4) return run(Config<pass, Activation::silu, 4>{});
    if (!variant.prefetch) return run(Config<pass, Activation::silu, 2, false>{});
    run(Config<pass, Activation::silu>{});
}

}  // namespace wishbone::cuda::sm90
