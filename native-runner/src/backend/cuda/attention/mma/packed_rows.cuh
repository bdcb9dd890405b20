#pragma once

#include <cstdint>

#include "backend/cuda/attention/mma/divider.h"

namespace wishbone::cuda::mma {

/// Places of the elements of packed rows in the arrays of one KV head: row r is token r / group, head r %
/// group of the group.
struct PackedRows {
    Divider group;
    int kv_head, tokens;

    __device__ int token(int row) const { return group.quotient(row); }
    /// Index of the first element of a row in an array [T, heads, head_dim] whose first heads are the query
    /// heads.
    __device__ std::int64_t offset(int row, int heads, int head_dim) const {
        const int token = group.quotient(row), head = row - token * group.divisor();
        return (static_cast<std::int64_t>(token) * heads + kv_head * group.divisor() + head) * head_dim;
    }
    /// Index in an array [Hq, T].
    __device__ std::int64_t statistic(int row) const {
        const int token = group.quotient(row), head = row - token * group.divisor();
        return static_cast<std::int64_t>(kv_head * group.divisor() + head) * tokens + token;
    }
};

}  // namespace wishbone::cuda::mma
