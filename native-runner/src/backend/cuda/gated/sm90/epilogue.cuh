#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/elementwise/gates.cuh"
#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/shared_memory.cuh"
#include "backend/cuda/primitives/sm90/barriers.cuh"
#include "backend/cuda/primitives/sm90/store_matrices.cuh"
#include "backend/cuda/primitives/sm90/tensor_map.h"
#include "backend/cuda/primitives/sm90/tma.cuh"

// Epilogues of products with gated units (matmul/sm90). The unit costs a tenth of the product's time where it follows it; computed in
// slices beside the next tile's products it costs nothing but the last tile. What is rounded where is as in a product and a pass behind
// it, so the values are the same.

namespace wishbone::cuda::sm90::gated {

/// What both move: boxes of the unit's output, of gates and of ups.
struct Gates {
    static constexpr int Boxes = 3;
    struct Maps {
        CUtensorMap result, gates, d_gates;
    };
    struct Options {
        bool stores_result;  ///< the unit's output
        bool stores_gates;   ///< gate and up, or their gradients
    };
    struct Rows {
        __device__ __forceinline__ void of(const Options&, int, int) {}
    };

    static __device__ __forceinline__ void store(const Maps& maps, const Options& options,
                                                 std::uint32_t boxes, int row, int column) {
        if (options.stores_result) tma_store_3d(&maps.result, boxes, column, row, 0);
        if (options.stores_gates) {
            tma_store_3d(&maps.d_gates, boxes + product::box_bytes, column, 0, row);
            tma_store_3d(&maps.d_gates, boxes + 2 * product::box_bytes, column, 1, row);
        }
    }
    static __device__ __forceinline__ void write(std::uint32_t at, const std::uint32_t (&result)[4],
                                                 const std::uint32_t (&gate)[4],
                                                 const std::uint32_t (&up)[4]) {
        store_matrices(at, result);
        store_matrices(at + product::box_bytes, gate);
        store_matrices(at + 2 * product::box_bytes, up);
    }
};

/// The product's columns are 128 gates and the ups that go with them.
template <Activation A>
struct Forward : Gates {
    static constexpr int Columns = product::tile_columns / 2;

    static __device__ __forceinline__ void load(const Maps&, std::uint32_t ready, std::uint32_t, int, int) {
        mbarrier_arrive(ready);
    }
    template <int Slice>
    static __device__ __forceinline__ void slice(const Options&, const Rows&,
                                                 const std::uint32_t (&held)[product::tile_columns / 4],
                                                 std::uint32_t at) {
        std::uint32_t result[4], gate[4], up[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            gate[i] = held[4 * Slice + i];
            up[i] = held[product::tile_columns / 8 + 4 * Slice + i];
            result[i] = pack(gate_of<A>(low_half(gate[i])).value * low_half(up[i]),
                             gate_of<A>(high_half(gate[i])).value * high_half(up[i]));
        }
        write(at, result, gate, up);
    }
};

/// The product's columns are those of the gradient of the unit's output.
template <Activation A>
struct Backward : Gates {
    static constexpr int Columns = product::tile_columns;

    static __device__ __forceinline__ void load(const Maps& maps, std::uint32_t ready, std::uint32_t boxes,
                                                int row, int column) {
        mbarrier_arrive_expect_tx(ready, 2 * product::box_bytes);
        tma_load_3d(boxes + product::box_bytes, &maps.gates, ready, column, 0, row);
        tma_load_3d(boxes + 2 * product::box_bytes, &maps.gates, ready, column, 1, row);
    }
    template <int Slice>
    static __device__ __forceinline__ void slice(const Options&, const Rows&,
                                                 const std::uint32_t (&held)[product::tile_columns / 4],
                                                 std::uint32_t at) {
        std::uint32_t result[4], gate[4], up[4];
        load_matrices(gate, at + product::box_bytes);
        load_matrices(up, at + 2 * product::box_bytes);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const float d0 = low_half(held[4 * Slice + i]), d1 = high_half(held[4 * Slice + i]);
            const float u0 = low_half(up[i]), u1 = high_half(up[i]);
            const Gate g0 = gate_of<A>(low_half(gate[i])), g1 = gate_of<A>(high_half(gate[i]));
            result[i] = pack(g0.value * u0, g1.value * u1);
            gate[i] = pack(d0 * u0 * g0.slope, d1 * u1 * g1.slope);
            up[i] = pack(d0 * g0.value, d1 * g1.value);
        }
        write(at, result, gate, up);
    }
};

/// Gate and up [rows, 2, columns], in boxes of the epilogue.
inline CUtensorMap gates_map(const void* of, const product::Size& size) {
    return encode_tensor_3d(of, static_cast<std::uint64_t>(size.columns), 2,
                            static_cast<std::uint64_t>(size.rows), product::chunk_columns, 1, product::group_rows,
                            CU_TENSOR_MAP_SWIZZLE_64B);
}

}  // namespace wishbone::cuda::sm90::gated
