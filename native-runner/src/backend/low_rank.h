#pragma once

#include <cstdint>

#include "backend/backend.h"

namespace wishbone {

/// Whether the adapters fit a linear layer with these outputs [M, N] and inputs [M, K] (or their gradients)
/// and hold between their two matrices `h` [M, R], all of one dtype, and branches come in the order of their
/// outputs.
inline bool fits(const LowRank& adapter, DType dtype, const Tensor& out, const Tensor& x, const Tensor& h) {
    const auto is_matrix = [dtype](const Tensor& tensor, std::int64_t rows, std::int64_t columns) {
        return (tensor.data != nullptr || tensor.size() == 0) && tensor.dtype == dtype && tensor.rank == 2 &&
               tensor.shape[0] == rows && tensor.shape[1] == columns;
    };
    const std::int64_t rows = out.shape[0], outputs = out.shape[1], inputs = x.shape[1];
    std::int64_t rank = 0, begin = 0;
    for (const LowRank::Branch& branch : adapter.branches) {
        if (!is_matrix(branch.b, branch.b.shape[0], branch.b.shape[1]) || branch.first_output < begin)
            return false;
        begin = branch.first_output + branch.b.shape[0];
        rank += branch.b.shape[1];
    }
    return begin <= outputs && is_matrix(adapter.a, rank, inputs) && is_matrix(out, rows, outputs) &&
           is_matrix(x, rows, inputs) && is_matrix(h, rows, rank);
}

/// Calls `each(branch, column)` for every branch, with the first of its columns of h.
template <typename Each>
void for_each_branch(const LowRank& adapter, const Each& each) {
    std::int64_t column = 0;
    for (const LowRank::Branch& branch : adapter.branches) {
        each(branch, column);
        column += branch.b.shape[1];
    }
}

}  // namespace wishbone
