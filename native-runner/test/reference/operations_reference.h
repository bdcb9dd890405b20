#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"

/// Single operations in double, straight from their formulas. Arrays are row-major.
namespace wishbone::reference {

using Values = std::vector<double>;

Values rmsnorm(const Values& x, const Values& weight, double eps);  ///< x [T, weight.size()]
Values linear(const Values& x, const Values& w, std::int64_t inputs);
Values swiglu(const Values& gate_up, std::int64_t feed_forward);
Values rope(const Values& qkv, const Values& cos, const Values& sin, std::span<const std::int32_t> position,
            AttentionShape shape);
/// Every pair of tokens is asked for the rule k <= q < visible_until[k]. qkv [T, Hq + 2 Hkv, D], result [T,
/// Hq D].
Values attention(const Values& qkv, std::span<const std::int32_t> visible_until, AttentionShape shape);
/// Log-sum-exp of the visible scores, [Hq, T].
Values attention_lse(const Values& qkv, std::span<const std::int32_t> visible_until, AttentionShape shape);
Values head_logps(const Values& hidden, const Values& head, std::int64_t hidden_size,
                  std::span<const std::int32_t> row, std::span<const std::int32_t> token);

}  // namespace wishbone::reference
