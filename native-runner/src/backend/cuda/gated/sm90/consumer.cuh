#pragma once

#include <cstdint>

#include "backend/cuda/elementwise/gates.cuh"
#include "backend/cuda/gated/sm90/parameters.h"
#include "backend/cuda/gated/sm90/pipeline.cuh"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/shared_memory.cuh"
#include "backend/cuda/primitives/sm90/ring.cuh"
#include "backend/cuda/primitives/sm90/store_matrices.cuh"
#include "backend/cuda/primitives/sm90/wgmma.cuh"

namespace wishbone::cuda::sm90::gated {

/// One warpgroup, which computes 64 rows of every tile. The product is rounded to bf16 and held in registers; the gated unit is
/// computed from that in slices of 16 columns, between products of the next tile.
template <class C>
struct Consumer {
    const Parameters& p;
    const Pipeline<C>& shared;
    int first, step;

    float sums[tile_columns / 2];
    std::uint32_t held[tile_columns / 4];
    Ring<C::Stages> ring;
    int group, before;
    std::uint32_t place;  ///< of this lane's rows in a box

    __device__ __forceinline__ Consumer(const Parameters& parameters, const Pipeline<C>& pipeline,
                                        int first_tile, int tile_step)
        : p(parameters), shared(pipeline), first(first_tile), step(tile_step) {}

    /// Starts the products of one stage.
    __device__ __forceinline__ void start(bool adds) {
        mbarrier_wait(shared.full(ring.stage), ring.round);
        const std::uint32_t left = shared.left(ring.stage) + group * (group_rows * 128),
                            right = shared.right(ring.stage);
        wgmma_fence();
#pragma unroll
        for (int k = 0; k < tile_inner / 16; ++k) {
            const int accumulate = adds || k > 0;
            if constexpr (C::pass == Pass::forward)
                wgmma_ss<tile_columns, 0, 0>(sums, descriptor(left + 32 * k, 0, 1024),
                                             descriptor(right + 32 * k, 0, 1024), accumulate);
            else
                wgmma_ss<tile_columns, 0, 1>(sums, descriptor(left + 32 * k, 0, 1024),
                                             descriptor(right + 2048 * k, tile_inner * 128, 1024),
                                             accumulate);
        }
        wgmma_commit();
    }

    __device__ __forceinline__ void begin_tile() {
        start(false);
        before = ring.stage;
        ring.next();
    }
    __device__ __forceinline__ void multiply(int stages) {
        for (; stages > 0; --stages) {
            start(true);
            wgmma_wait<1>();
            shared.release(before);
            before = ring.stage;
            ring.next();
        }
    }
    __device__ __forceinline__ void end_tile() {
        wgmma_wait<0>();
        wgmma_hold(sums);
        shared.release(before);
#pragma unroll
        for (int i = 0; i < tile_columns / 4; ++i) held[i] = pack(sums[2 * i], sums[2 * i + 1]);
    }

    /// The unit in 16 columns, two 8 × 8 matrices wide.
    template <int Slice>
    __device__ __forceinline__ void slice() {
        constexpr int at = 4 * Slice, half_chunk = Slice % 2;
        if constexpr (half_chunk == 0) mbarrier_wait(shared.ready(group), Slice / 2 % 2);
        const std::uint32_t result_at = shared.boxes(group) + (place ^ (32 * half_chunk)),
                            gate_at = result_at + chunk_bytes, up_at = gate_at + chunk_bytes;
        std::uint32_t result[4], gate[4], up[4];
        if constexpr (C::pass == Pass::forward) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                gate[i] = held[at + i];
                up[i] = held[tile_columns / 8 + at + i];
                result[i] = pack(gate_of<C::activation>(low_half(gate[i])).value * low_half(up[i]),
                                 gate_of<C::activation>(high_half(gate[i])).value * high_half(up[i]));
            }
        } else {
            load_matrices(gate, gate_at);
            load_matrices(up, up_at);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const float d0 = low_half(held[at + i]), d1 = high_half(held[at + i]);
                const float u0 = low_half(up[i]), u1 = high_half(up[i]);
                const Gate g0 = gate_of<C::activation>(low_half(gate[i])),
                           g1 = gate_of<C::activation>(high_half(gate[i]));
                result[i] = pack(g0.value * u0, g1.value * u1);
                gate[i] = pack(d0 * u0 * g0.slope, d1 * u1 * g1.slope);
                up[i] = pack(d0 * g0.value, d1 * g1.value);
            }
        }
        store_matrices(result_at, result);
        store_matrices(gate_at, gate);
        store_matrices(up_at, up);
        if constexpr (half_chunk == 1) {
            fence_proxy_async();
            warp_arrive(shared.written(group));
        }
    }

    /// The held tile's epilogue, a chunk at a time, and `stages` of the next one's products between them.
    template <int Chunk = 0>
    __device__ __forceinline__ void finish(int stages) {
        if constexpr (Chunk < C::Chunks) {
            const int now = (Chunk + 1) * stages / C::Chunks - Chunk * stages / C::Chunks;
            multiply(now - 1);
            slice<2 * Chunk>();
            multiply(min(now, 1));
            slice<2 * Chunk + 1>();
            finish<Chunk + 1>(stages);
        }
    }

    __device__ __forceinline__ void run() {
        group = __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 128 - 1, 0);
        const int warp = __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 32 % 4, 0);
        // Lane l has row l % 8 of matrix l / 8: rows, then columns. Rows of 64 bytes are in the 64-byte swizzle: bits 4 and 5
        // of an address are crossed with bits 7 and 8.
        const int lane = threadIdx.x % 32, row = 16 * warp + 8 * (lane / 8 % 2) + lane % 8;
        place = row * 64 + ((lane / 16 ^ row / 2 % 4) * 16);
#pragma unroll
        for (int i = 0; i < tile_columns / 2; ++i) sums[i] = 0;

        const int tiles = p.row_tiles * p.column_tiles;
        int index = first;
        if (index >= tiles) return;
        begin_tile();
        multiply(p.inner_tiles - 1);
        end_tile();
        for (index += step; index < tiles; index += step) {
            begin_tile();
            finish(p.inner_tiles - 1);
            end_tile();
        }
        finish(0);
    }
};

}  // namespace wishbone::cuda::sm90::gated
