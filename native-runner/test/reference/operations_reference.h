#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"

/// Single operations in double, straight from their formulas. Arrays are row-major.
namespace wishbone::reference {

using Values = std::vector<double>;

/// x [T, weight.size()]
Values rmsnorm(const Values& x, const Values& weight, double eps, double offset = 0);
/// qkv [T, Hq + 2 Hkv, D]; queries and keys normed in groups of their weights' sizes.
Values qk_norm(const Values& qkv, const Values& query_weight, const Values& key_weight, AttentionShape shape,
               double eps, double offset);
Values linear(const Values& x, const Values& w, std::int64_t inputs);
Values glu(const Values& gate_up, std::int64_t feed_forward, Activation activation = Activation::silu);
/// The first `rotated` elements of a head turn; 0: all.
Values rope(const Values& qkv, const Values& cos, const Values& sin, std::span<const std::int32_t> position,
            AttentionShape shape, std::int64_t rotated = 0);
/// Every pair of tokens is asked for the rule k <= q < visible_until[k] and position[q] - position[k] <
/// window
/// (`position` is read with a window only). qkv [T, Hq + 2 Hkv, D], result [T, Hq D].
Values attention(const Values& qkv, std::span<const std::int32_t> visible_until, AttentionShape shape,
                 std::span<const std::int32_t> position = {});
/// Log-sum-exp of the visible scores, [Hq, T].
Values attention_lse(const Values& qkv, std::span<const std::int32_t> visible_until, AttentionShape shape,
                     std::span<const std::int32_t> position = {});
Values head_logps(const Values& hidden, const Values& head, std::int64_t hidden_size,
                  std::span<const std::int32_t> row, std::span<const std::int32_t> token, double softcap = 0);

}  // namespace wishbone::reference
