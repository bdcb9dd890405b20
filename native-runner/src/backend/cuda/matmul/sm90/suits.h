#pragma once

#include <cstdint>
#include <initializer_list>

#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/runtime/device.h"

namespace wishbone::cuda::sm90::product {

/// Where a product of our own with its epilogue is taken: where it can be, its matrices' rows being whole vectors at these addresses,
/// and is faster than cuBLASLt's and a pass behind it, by measurement (docs/benchmarks.md, "Gated units in the products around them"):
/// where every multiprocessor has some tiles one after the other, so that most of the epilogue is computed beside products, and these
/// are long enough for it.
inline bool suits(const Device& device, const Size& size, int columns_of_tile,
                  std::initializer_list<const void*> matrices) {
    constexpr std::int64_t least_tiles = 3, least_inner = 896;
    const std::int64_t tiles = divide_up(size.rows, tile_rows) * divide_up(size.columns, columns_of_tile);
    return device.capability == 90 && size.inner >= least_inner &&
           tiles >= least_tiles * device.multiprocessors && vectorised(size.inner, matrices) &&
           vectorised(size.columns, matrices);
}

}  // namespace wishbone::cuda::sm90::product
