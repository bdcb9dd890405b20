#include "backend/cuda/gated/sm90/kernel.cuh"
#include "backend/cuda/gated/sm90/product.h"

namespace wishbone::cuda::sm90 {
namespace gated {
namespace {

Maps maps_of(__nv_bfloat16* out, __nv_bfloat16* gate_up, const __nv_bfloat16* x, const __nv_bfloat16* w,
             const GatedSize& size) {
    const auto rows = static_cast<std::uint64_t>(size.rows),
               columns = static_cast<std::uint64_t>(size.columns),
               inner = static_cast<std::uint64_t>(size.inner);
    Maps maps{};
    maps.left = encode_tensor_3d(x, inner, rows, 1, tile_inner, tile_rows, 1);
    maps.right = encode_tensor_3d(w, inner, columns, 2, tile_inner, tile_columns / 4, 1);
    maps.result = result_map(out, rows, columns);
    maps.gates = maps.d_gates = gates_map(gate_up, rows, columns);
    return maps;
}

}  // namespace
}  // namespace gated

void gated_forward(const Device& device, cudaStream_t stream, __nv_bfloat16* out, __nv_bfloat16* gate_up,
                   const __nv_bfloat16* x, const __nv_bfloat16* w, GatedSize size, Activation activation) {
    using namespace gated;
    // A map of nothing is of what is there instead, and not used.
    const Maps maps = maps_of(out != nullptr ? out : gate_up, gate_up != nullptr ? gate_up : out, x, w, size);
    const auto run = [&]<class C>(C) {
        launch<C>(device, stream, maps, size, out != nullptr, gate_up != nullptr);
    };
    if (activation == Activation::silu)
        run(Config<Pass::forward, Activation::silu>{});
    else
        run(Config<Pass::forward, Activation::gelu_tanh>{});
}

}  // namespace wishbone::cuda::sm90
