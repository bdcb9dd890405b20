#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/gated/sm90/parameters.h"
#include "backend/cuda/gated/sm90/pipeline.cuh"
#include "backend/cuda/primitives/sm90/ring.cuh"
#include "backend/cuda/primitives/sm90/tma.cuh"

namespace wishbone::cuda::sm90::gated {

/// One thread that has both operands loaded, as far ahead as the ring reaches. The blocks of a cluster have the same columns: each
/// loads a part of the right operand for all.
template <class C>
struct Producer {
    const Parameters& p;
    const Pipeline<C>& shared;
    const CUtensorMap &left_map, &right_map;
    int rank, first, step;

    __device__ __forceinline__ void run() const {
        const int tiles = p.row_tiles * p.column_tiles;
        Ring<C::Stages> ring;
        for (int index = first; index < tiles; index += step) {
            const Tile tile = tile_at(p, index);
            const int row = (tile.row * C::Cluster + rank) * tile_rows, column = tile.column * C::Columns;
            for (int k = 0; k < p.inner_tiles; ++k) {
                const std::uint32_t barrier = shared.full(ring.stage);
                mbarrier_wait(shared.empty(ring.stage), ring.round ^ 1);
                mbarrier_arrive_expect_tx(barrier, C::LeftBytes + C::RightBytes);
                tma_load_3d(shared.left(ring.stage), &left_map, barrier, k * tile_inner, row, 0);
                load_right(shared.right(ring.stage), barrier, k * tile_inner, column);
                ring.next();
            }
        }
    }

    __device__ __forceinline__ void load_right(std::uint32_t to, std::uint32_t barrier, int inner,
                                               int column) const {
        // Four boxes of 64 columns of the product. Forward: rows of the weight, of gates in two and of ups in the others. Backward:
        // the weight lies the other way round.
        constexpr int boxes = 4, share = boxes / C::Cluster;
#pragma unroll
        for (int i = 0; i < share; ++i) {
            const int box = rank * share + i;
            const std::uint32_t place = to + box * (C::RightBytes / boxes);
            const int x = C::pass == Pass::forward ? inner : column + 64 * box,
                      y = C::pass == Pass::forward ? column + 64 * (box % 2) : inner,
                      z = C::pass == Pass::forward ? box / 2 : 0;
            tma_load_3d_to_blocks(place, &right_map, barrier, x, y, z, (1 << C::Cluster) - 1);
        }
    }
};

}  // namespace wishbone::cuda::sm90::gated
