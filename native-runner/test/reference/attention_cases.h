#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "reference/differences.h"
#include "reference/random_bin.h"
#include "reference/rounding.h"

namespace wishbone::reference {

/// The `visible_until` of a bin.
using Mask = std::vector<std::int32_t>;

inline AttentionShape shape_of(std::int64_t query_heads, std::int64_t kv_heads, std::int64_t head_dim) {
    return {query_heads, kv_heads, head_dim,
            static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim)))};
}

inline std::int64_t heads_of(const AttentionShape& shape) { return shape.query_heads + 2 * shape.kv_heads; }

/// Normal numbers for one attention: heads, and the gradient of its output.
struct RandomAttention {
    std::vector<double> qkv;    ///< [tokens, heads, head_dim], of the given spread
    std::vector<double> d_out;  ///< [tokens, query_heads * head_dim], of spread 1

    /// @param dtype   f32 or bf16: of which all are numbers
    RandomAttention(std::mt19937& random, DType dtype, std::int64_t tokens, const AttentionShape& shape,
                    double spread = 1.0) {
        const auto numbers = [&](std::int64_t heads, double deviation) {
            std::vector<double> values =
                random_values(random, static_cast<std::size_t>(tokens * heads * shape.head_dim), deviation);
            return dtype == DType::bf16 ? to_bf16(std::move(values)) : values;
        };
        qkv = numbers(heads_of(shape), spread);
        d_out = numbers(shape.query_heads, 1.0);
    }
};

/// How many ancestors each token has: its position.
inline Mask depths(const Mask& visible_until) {
    Mask depth, path;
    for (std::int32_t q = 0; q < static_cast<std::int32_t>(visible_until.size()); ++q) {
        while (!path.empty() && visible_until[static_cast<std::size_t>(path.back())] <= q) path.pop_back();
        depth.push_back(static_cast<std::int32_t>(path.size()));
        path.push_back(q);
    }
    return depth;
}

inline Mask random_trees(unsigned seed, const RandomTrees& options) {
    std::mt19937 random(seed);
    return RandomBin(random, options).shared.visible_until;
}

/// `count` pairs, a prompt and two responses each.
inline Mask pairs(int count, std::int32_t prompt, std::int32_t chosen, std::int32_t rejected) {
    Mask until;
    const auto add = [&](std::int32_t tokens, std::int32_t end) {
        until.insert(until.end(), static_cast<std::size_t>(tokens), end);
    };
    for (int i = 0; i < count; ++i) {
        const auto begin = static_cast<std::int32_t>(until.size()), end = begin + prompt + chosen + rejected;
        add(prompt, end);
        add(chosen, begin + prompt + chosen);
        add(rejected, end);
    }
    return until;
}

}  // namespace wishbone::reference
