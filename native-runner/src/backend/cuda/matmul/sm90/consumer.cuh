#pragma once

#include <cstdint>

#include "backend/cuda/matmul/sm90/parameters.h"
#include "backend/cuda/matmul/sm90/pipeline.cuh"
#include "backend/cuda/primitives/bf16_pair.cuh"
#include "backend/cuda/primitives/sm90/ring.cuh"
#include "backend/cuda/primitives/sm90/wgmma.cuh"

namespace wishbone::cuda::sm90::product {

/// One warpgroup, which computes 64 rows of every tile. The product is rounded to bf16 and held in registers; its epilogue works on those
/// in slices of 16 columns, between products of the next tile.
template <class C>
struct Consumer {
    using Epilogue = typename C::Epilogue;

    const Parameters<Epilogue>& p;
    const Pipeline<C>& shared;
    const Place block;

    float sums[tile_columns / 2];
    std::uint32_t held[tile_columns / 4];
    typename Epilogue::Rows rows;
    Ring<C::Stages> ring;
    int group, before;
    std::uint32_t place;  ///< of this lane's rows in a box

    __device__ __forceinline__ Consumer(const Parameters<Epilogue>& parameters, const Pipeline<C>& pipeline,
                                        const Place& of_block)
        : p(parameters), shared(pipeline), block(of_block) {}

    /// Starts the products of one stage.
    __device__ __forceinline__ void start(bool adds) {
        mbarrier_wait(shared.full(ring.stage), ring.round);
        const std::uint32_t left = shared.left(ring.stage) + group * (group_rows * 128),
                            right = shared.right(ring.stage);
        wgmma_fence();
#pragma unroll
        for (int k = 0; k < tile_inner / 16; ++k) {
            const int accumulate = adds || k > 0;
            if constexpr (C::form == Form::forward)
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
    __device__ __forceinline__ void end_tile(int index) {
        wgmma_wait<0>();
        wgmma_hold(sums);
        shared.release(before);
#pragma unroll
        for (int i = 0; i < tile_columns / 4; ++i) held[i] = pack(sums[2 * i], sums[2 * i + 1]);
        const Tile tile = tile_at(p, index);
        rows.of(p.options, (tile.row * C::Cluster + block.rank) * tile_rows + group * group_rows,
                tile.column * Epilogue::Columns);
    }

    /// The epilogue of 16 columns, two 8 × 8 matrices wide.
    template <int Slice>
    __device__ __forceinline__ void slice() {
        constexpr int half_chunk = Slice % 2;
        if constexpr (half_chunk == 0) mbarrier_wait(shared.ready(group), Slice / 2 % 2);
        Epilogue::template slice<Slice>(p.options, rows, held,
                                        shared.boxes(group) + (place ^ (32 * half_chunk)));
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
        int index = block.first;
        if (index >= tiles) return;
        begin_tile();
        multiply(p.inner_tiles - 1);
        end_tile(index);
        for (index += block.step; index < tiles; index += block.step) {
            begin_tile();
            finish(p.inner_tiles - 1);
            end_tile(index);
        }
        finish(0);
    }
};

}  // namespace wishbone::cuda::sm90::product
