#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/matmul/sm90/parameters.h"
#include "backend/cuda/matmul/sm90/pipeline.cuh"
#include "backend/cuda/primitives/sm90/tma.cuh"

namespace wishbone::cuda::sm90::product {

/// One thread for each computing warpgroup, which moves what its epilogue reads and writes, chunk by chunk.
template <class C>
struct Mover {
    using Epilogue = typename C::Epilogue;

    const Parameters<Epilogue>& p;
    const Pipeline<C>& shared;
    const typename Epilogue::Maps& maps;
    Place place;

    __device__ __forceinline__ void run(int group) const {
        static_assert(C::Chunks % 2 == 0);
        const int tiles = p.row_tiles * p.column_tiles;
        const std::uint32_t boxes = shared.boxes(group);
        for (int index = place.first; index < tiles; index += place.step) {
            const Tile tile = tile_at(p, index);
            const int row = (tile.row * C::Cluster + place.rank) * tile_rows + group * group_rows;
            for (int chunk = 0; chunk < C::Chunks; ++chunk) {
                const int column = tile.column * Epilogue::Columns + chunk * chunk_columns;
                Epilogue::load(maps, shared.ready(group), boxes, row, column);
                mbarrier_wait(shared.written(group), chunk & 1);
                Epilogue::store(maps, p.options, boxes, row, column);
                tma_commit();
                tma_wait_until_read();
            }
        }
    }
};

}  // namespace wishbone::cuda::sm90::product
