#pragma once

#include <algorithm>
#include <type_traits>

#include "backend/cuda/primitives/vector.h"
#include "backend/fp8.h"

namespace wishbone::cuda {

/// A block has a row of `width` numbers in its registers, each thread so many vectors of 8.
struct RowBlock {
    explicit RowBlock(std::int64_t width) {
        const std::int64_t all = width / bf16_vector;
        vectors = std::clamp<std::int64_t>(divide_up(all, 512), 1, 8);
        threads = static_cast<unsigned>(divide_up(divide_up(all, vectors), 32) * 32);
    }

    std::int64_t vectors;
    unsigned threads;
};
static_assert(fp8_longest_row == 8 * 1024 * bf16_vector);

/// Calls `run` with the number of vectors as a constant: 1, 2, 4 or 8, no fewer than are needed.
template <typename Run>
void with_row_vectors(std::int64_t vectors, Run run) {
    if (vectors <= 1) return run(std::integral_constant<int, 1>());
    if (vectors <= 2) return run(std::integral_constant<int, 2>());
    if (vectors <= 4) return run(std::integral_constant<int, 4>());
    return run(std::integral_constant<int, 8>());
}

}  // namespace wishbone::cuda
