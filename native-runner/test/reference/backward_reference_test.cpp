#include "reference/backward_reference.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "reference/differences.h"
#include "reference/random_angles.h"
#include "reference/random_bin.h"

// What backends are held against is itself held against the slopes of the forward formulas, element by
// element.

using namespace wishbone;
using namespace wishbone::reference;

namespace {

constexpr double tolerance = 1e-6;  // of central differences in double

}  // namespace

TEST_CASE("reference: the gradient of a norm is the slope of its formula") {
    std::mt19937 random(1);
    for (const double offset : {0.0, 1.0}) {
        Values x = random_values(random, 7 * 11), weight = random_values(random, 11);
        const Values d_out = random_values(random, 7 * 11);
        const auto loss = [&] { return dot(d_out, rmsnorm(x, weight, 1e-5, offset)); };
        const NormGradient found = rmsnorm_backward(d_out, x, weight, 1e-5, offset);
        CHECK(relative_difference(found.x, gradient(loss, x)) < tolerance);
        CHECK(relative_difference(found.weight, gradient(loss, weight)) < tolerance);
    }
}

TEST_CASE("reference: the gradient of norms of queries and keys is the slope of their formula") {
    std::mt19937 random(2);
    const AttentionShape shape{4, 2, 6, 1.0f};
    for (const bool together : {false, true}) {
        Values qkv = random_values(random, 5 * 48), query = random_values(random, together ? 24 : 6),
               key = random_values(random, together ? 12 : 6);
        const Values d_out = random_values(random, 5 * 48);
        const auto loss = [&] { return dot(d_out, qk_norm(qkv, query, key, shape, 1e-5, 1)); };
        const QkNormGradient found = qk_norm_backward(d_out, qkv, query, key, shape, 1e-5, 1);
        CHECK(relative_difference(found.qkv, gradient(loss, qkv)) < tolerance);
        CHECK(relative_difference(found.query_weight, gradient(loss, query)) < tolerance);
        CHECK(relative_difference(found.key_weight, gradient(loss, key)) < tolerance);
    }
}

TEST_CASE("reference: the gradient of a linear layer is the slope of its formula") {
    std::mt19937 random(3);
    Values x = random_values(random, 5 * 9), w = random_values(random, 7 * 9);
    const Values d_out = random_values(random, 5 * 7);
    const auto loss = [&] { return dot(d_out, linear(x, w, 9)); };
    const LinearGradient found = linear_backward(d_out, x, w, 9);
    CHECK(relative_difference(found.x, gradient(loss, x)) < tolerance);
    CHECK(relative_difference(found.w, gradient(loss, w)) < tolerance);
}

TEST_CASE("reference: the gradient of adapters is the slope of their formula") {
    std::mt19937 random(4);
    std::vector<LowRankReference::Branch> branches = {{2, 7, 3, 1.5, {}}, {9, 4, 2, -0.75, {}}};
    for (auto& branch : branches)
        branch.b = random_values(random, static_cast<std::size_t>(branch.count * branch.rank));
    Values x = random_values(random, 6 * 9), a = random_values(random, 5 * 9);
    const Values w = random_values(random, 14 * 9), d_out = random_values(random, 6 * 14);
    const auto made = [&] { return low_rank_reference(x, w, a, branches, d_out, 9); };
    const auto loss = [&] { return dot(d_out, made().out); };
    const LowRankReference found = made();
    CHECK(relative_difference(found.d_x, gradient(loss, x)) < tolerance);
    CHECK(relative_difference(found.d_a, gradient(loss, a)) < tolerance);
    for (std::size_t i = 0; i < branches.size(); ++i)
        CHECK(relative_difference(found.d_b[i], gradient(loss, branches[i].b)) < tolerance);
    // What is added is the product of the two factors.
    const LowRankReference without = low_rank_reference(x, w, a, {}, d_out, 9);
    CHECK(without.out == linear(x, w, 9));
    CHECK(relative_difference(found.out, without.out) > 0.1);
}

TEST_CASE("reference: the gradient of gated units is the slope of their formula, also far from zero") {
    for (const Activation activation : {Activation::silu, Activation::gelu_tanh}) {
        std::mt19937 random(5);
        Values gate_up = random_values(random, 6 * 14, 3.0);
        gate_up[0] = 95, gate_up[1] = -95, gate_up[2] = 0, gate_up[3] = -88, gate_up[4] = 88;
        const Values d_out = random_values(random, 6 * 7);
        const auto loss = [&] { return dot(d_out, glu(gate_up, 7, activation)); };
        CHECK(relative_difference(glu_backward(d_out, gate_up, 7, activation), gradient(loss, gate_up)) <
              tolerance);
    }
}

TEST_CASE("reference: the gradient of attention is the slope of its formula") {
    std::mt19937 random(6);
    AttentionShape shape{4, 2, 8, static_cast<float>(1 / std::sqrt(8.0))};
    const RandomBin bin(random, {.trees = 2, .deepest = 3, .most_children = 2, .longest_segment = 4});
    const std::vector<std::int32_t>&until = bin.shared.visible_until, &position = bin.shared.position;
    Values qkv = random_values(random, until.size() * 8 * 8);
    const Values d_out = random_values(random, until.size() * 4 * 8);
    for (const bool extended : {false, true}) {
        shape.window = extended ? 3 : 0;
        shape.softcap = extended ? 2 : 0;
        const auto forward = [&] { return attention(qkv, until, shape, position); };
        const auto loss = [&] { return dot(d_out, forward()); };
        CHECK(relative_difference(attention_backward(qkv, d_out, forward(), until, shape, position),
                                  gradient(loss, qkv)) < tolerance);
    }
}

TEST_CASE("reference: the gradient before RoPE is the one behind it, turned back") {
    std::mt19937 random(8);
    const AttentionShape shape{4, 2, 8, static_cast<float>(1 / std::sqrt(8.0))};
    const RandomBin bin(random, {.trees = 2, .deepest = 3, .most_children = 2, .longest_segment = 4});
    const std::vector<std::int32_t>&until = bin.shared.visible_until, &position = bin.shared.position;
    Values qkv = random_values(random, until.size() * 8 * 8);
    const Values d_out = random_values(random, until.size() * 4 * 8);
    for (const std::int64_t rotated : {8, 6, 2}) {
        const RandomAngles angles(random, static_cast<std::int64_t>(until.size()), rotated / 2);
        const auto turned = [&] { return rope(qkv, angles.cos, angles.sin, position, shape, rotated); };
        const auto loss = [&] { return dot(d_out, attention(turned(), until, shape, position)); };
        const Values behind = attention_backward(turned(), d_out, attention(turned(), until, shape, position),
                                                 until, shape, position);
        CHECK(relative_difference(rope(behind, angles.cos, angles.minus_sin, position, shape, rotated),
                                  gradient(loss, qkv)) < tolerance);
    }
}

TEST_CASE("reference: the head's gradient is the slope of its formula, with several targets a row") {
    std::mt19937 random(7);
    const std::vector<std::int32_t> row{0, 1, 1, 2, 3, 4, 3, 3}, token{5, 0, 0, 32, 1, 2, 30, 2};
    Values hidden = random_values(random, 5 * 6), head = random_values(random, 33 * 6);
    const Values weight = random_values(random, row.size());
    for (const double softcap : {0.0, 3.0}) {
        const auto logps = [&] { return head_logps(hidden, head, 6, row, token, softcap); };
        const auto loss = [&] { return dot(weight, logps()); };
        const HeadReference found =
            head_reference(linear(hidden, head, 6), hidden, head, 6, row, token, weight, softcap);
        CHECK(relative_difference(found.logps, logps()) < 1e-12);
        CHECK(relative_difference(found.d_hidden, gradient(loss, hidden)) < tolerance);
        CHECK(relative_difference(found.d_head, gradient(loss, head)) < tolerance);
        for (std::int32_t r = 0; r < 5; ++r) {
            std::vector<std::int32_t> same(33, r), all(33);
            for (std::int32_t v = 0; v < 33; ++v) all[static_cast<std::size_t>(v)] = v;
            double squares = 0;
            for (const double logp : head_logps(hidden, head, 6, same, all, softcap))
                squares += std::exp(2 * logp);
            CHECK(found.log_sum_squares[static_cast<std::size_t>(r)] ==
                  doctest::Approx(std::log(squares)).epsilon(1e-12));
        }
    }
}
