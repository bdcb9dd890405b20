#pragma once

#include <cuda.h>

#include <cstdint>

#include "backend/cuda/gated/sm90/parameters.h"
#include "backend/cuda/gated/sm90/pipeline.cuh"
#include "backend/cuda/primitives/sm90/tma.cuh"

namespace wishbone::cuda::sm90::gated {

/// One thread for each computing warpgroup, which moves what its epilogue reads and writes, chunk by chunk.
template <class C>
struct Mover {
    const Parameters& p;
    const Pipeline<C>& shared;
    const CUtensorMap &result_map, &gates_map, &d_gates_map;
    int rank, first, step;

    __device__ __forceinline__ void run(int group) const {
        const int tiles = p.row_tiles * p.column_tiles;
        const std::uint32_t result = shared.boxes(group), gate = result + chunk_bytes,
                            up = gate + chunk_bytes;
        for (int index = first; index < tiles; index += step) {
            const Tile tile = tile_at(p, index);
            const int row = (tile.row * C::Cluster + rank) * tile_rows + group * group_rows;
            for (int chunk = 0; chunk < C::Chunks; ++chunk) {
                const int column = tile.column * C::Columns + chunk * chunk_columns;
                if constexpr (C::pass == Pass::backward) {
                    mbarrier_arrive_expect_tx(shared.ready(group), 2 * chunk_bytes);
                    tma_load_3d(gate, &gates_map, shared.ready(group), column, 0, row);
                    tma_load_3d(up, &gates_map, shared.ready(group), column, 1, row);
                } else {
                    mbarrier_arrive(shared.ready(group));
                }
                mbarrier_wait(shared.written(group), chunk & 1);
                if (p.stores_result) tma_store_3d(&result_map, result, column, row, 0);
                if (p.stores_gates) {
                    tma_store_3d(&d_gates_map, gate, column, 0, row);
                    tma_store_3d(&d_gates_map, up, column, 1, row);
                }
                tma_commit();
                tma_wait_until_read();
            }
        }
    }
};

}  // namespace wishbone::cuda::sm90::gated
