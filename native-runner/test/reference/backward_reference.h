#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "reference/operations_reference.h"

/// Gradients of single operations in double, by the chain rule. Each is held against slopes of the forward
/// formula (backward_reference_test.cpp).
namespace wishbone::reference {

struct NormGradient {
    Values x, weight;
};
/// Of dot(d_out, rmsnorm(x, weight)).
NormGradient rmsnorm_backward(const Values& d_out, const Values& x, const Values& weight, double eps,
                              double offset = 0);

struct QkNormGradient {
    Values qkv, query_weight, key_weight;
};
QkNormGradient qk_norm_backward(const Values& d_out, const Values& qkv, const Values& query_weight,
                                const Values& key_weight, AttentionShape shape, double eps, double offset);

struct LinearGradient {
    Values x, w;
};
/// Of dot(d_out, linear(x, w)); x [rows, inputs].
LinearGradient linear_backward(const Values& d_out, const Values& x, const Values& w, std::int64_t inputs);

Values glu_backward(const Values& d_out, const Values& gate_up, std::int64_t feed_forward,
                    Activation activation);

/// Gradient of dot(d_out, attention(qkv)). `out` is what the forward pass gave: the gradient of a softmax
/// needs sum(d_out · out), and where few keys are seen the rounding of `out` alone moves the result by a
/// hundredth, which is no fault of the backward pass.
Values attention_backward(const Values& qkv, const Values& d_out, const Values& out,
                          std::span<const std::int32_t> visible_until, AttentionShape shape,
                          std::span<const std::int32_t> position = {});

/// The LM head and its gradient, given the logits [rows, V] as they are (rounded or not).
struct HeadReference {
    Values logps;             ///< of each target
    Values lse;               ///< of each row
    Values log_sum_squares;   ///< of each row: log of the sum of squared probabilities
    Values d_hidden, d_head;  ///< of dot(weight, logps)
};
HeadReference head_reference(const Values& logits, const Values& hidden, const Values& head,
                             std::int64_t hidden_size, std::span<const std::int32_t> row,
                             std::span<const std::int32_t> token, const Values& weight, double softcap = 0);

/// A linear layer with adapters on some of its outputs, forward and backward. `a` [ranks, inputs].
struct LowRankReference {
    struct Branch {
        std::int64_t first, count, rank;  ///< outputs from `first` on
        double scale;
        Values b;  ///< [count, rank]
    };
    Values h, out;         ///< forward
    Values d_h, d_x, d_a;  ///< backward
    std::vector<Values> d_b;
};
/// What a device made of `h` and `d_h`, rounded as it rounds them.
struct LowRankBetween {
    Values h, d_h;
};
/// The products of `h` and `d_h` are those of `between` where it is given, and of the exact values otherwise.
LowRankReference low_rank_reference(const Values& x, const Values& w, const Values& a,
                                    const std::vector<LowRankReference::Branch>& branches,
                                    const Values& d_out, std::int64_t inputs,
                                    const LowRankBetween* between = nullptr);

}  // namespace wishbone::reference
