#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/matmul/sm90/parameters.h"
#include "backend/cuda/matmul/sm90/pipeline.cuh"
#include "backend/cuda/primitives/sm90/ring.cuh"
#include "backend/cuda/primitives/sm90/tma.cuh"

namespace wishbone::cuda::sm90::product {

/// Both operands of a product in memory.
struct Operands {
    CUtensorMap left, right;
};

/// One thread that has both operands loaded, as far ahead as the ring reaches. The blocks of a cluster have the same columns: each
/// loads a part of the right operand for all.
template <class C>
struct Producer {
    const Parameters<typename C::Epilogue>& p;
    const Pipeline<C>& shared;
    const Operands &first, &behind;
    Place place;

    __device__ __forceinline__ void run() const {
        const int tiles = p.row_tiles * p.column_tiles;
        Ring<C::Stages> ring;
        for (int index = place.first; index < tiles; index += place.step) {
            const Tile tile = tile_at(p, index);
            const int row = (tile.row * C::Cluster + place.rank) * tile_rows,
                      column = tile.column * C::Epilogue::Columns;
            for (int k = 0; k < p.inner_tiles; ++k) {
                const bool goes_on = k >= p.first_tiles;
                const Operands& from = goes_on ? behind : first;
                const int inner = (goes_on ? k - p.first_tiles : k) * tile_inner;
                const std::uint32_t barrier = shared.full(ring.stage);
                mbarrier_wait(shared.empty(ring.stage), ring.round ^ 1);
                mbarrier_arrive_expect_tx(barrier, C::LeftBytes + C::RightBytes);
                tma_load_3d(shared.left(ring.stage), &from.left, barrier, inner, row, 0);
                load_right(from.right, shared.right(ring.stage), barrier, inner, column);
                ring.next();
            }
        }
    }

    __device__ __forceinline__ void load_right(const CUtensorMap& map, std::uint32_t to,
                                               std::uint32_t barrier, int inner, int column) const {
        // Four boxes of 64 columns of the product. Where results are made of two, the second two are of what goes with the first.
        constexpr int boxes = 4, share = boxes / C::Cluster;
        constexpr int apart = C::Epilogue::Columns / 64;
        constexpr std::uint16_t all = (1 << C::Cluster) - 1;
#pragma unroll
        for (int i = 0; i < share; ++i) {
            const int box = place.rank * share + i;
            const std::uint32_t at = to + box * (C::RightBytes / boxes);
            const int x = C::form == Form::forward ? inner : column + 64 * (box % apart),
                      y = C::form == Form::forward ? column + 64 * (box % apart) : inner;
            tma_load_3d_to_blocks(at, &map, barrier, x, y, box / apart, all);
        }
    }
};

}  // namespace wishbone::cuda::sm90::product
