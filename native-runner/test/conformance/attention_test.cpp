#include <algorithm>
#include <cmath>
#include <random>

#include "conformance/test_device.h"
#include "core/error.h"
#include "reference/attention_cases.h"
#include "reference/backward_reference.h"
#include "reference/random_angles.h"

using namespace wishbone;
using namespace wishbone::conformance;
using reference::depths;
using reference::heads_of;
using reference::Mask;
using reference::pairs;
using reference::random_trees;
using reference::RandomAttention;
using reference::shape_of;

// Tolerances in bf16: probabilities and results are rounded, each by 2^-9 at most.

namespace {

struct Result {
    Values out, lse, d_qkv;

    bool operator==(const Result&) const = default;
};

Result run(const Target& target, const Values& qkv, const Values& d_out, const Mask& visible_until,
           const AttentionShape& shape) {
    TestDevice device(target);
    const auto tokens = static_cast<std::int64_t>(visible_until.size());
    const std::int64_t out_size = shape.query_heads * shape.head_dim;
    // The host's copy goes as soon as the mask is made.
    auto until = std::make_unique<Mask>(visible_until);
    const auto mask = device.backend.prepare_mask(*until, depths(visible_until), shape);
    std::ranges::fill(*until, -1);
    until.reset();
    const Tensor in = device.put(qkv, {tokens, heads_of(shape), shape.head_dim}),
                 out = device.poisoned({tokens, out_size}),
                 lse = device.poisoned_f32({shape.query_heads, tokens}),
                 d_in = device.poisoned({tokens, heads_of(shape), shape.head_dim});
    device.backend.attention(out, lse, in, *mask, shape);
    device.backend.attention_backward(d_in, device.put(d_out, {tokens, out_size}), out, lse, {}, in, *mask,
                                      shape, {});
    return {device.get(out), device.get(lse), device.get(d_in)};
}

/// Forward and backward against the reference in double.
void check(const Target& target, const Mask& visible_until, const AttentionShape& shape) {
    CAPTURE(shape.window);
    CAPTURE(shape.softcap);
    CAPTURE(shape.query_heads);
    CAPTURE(shape.kv_heads);
    CAPTURE(shape.head_dim);
    CAPTURE(visible_until.size());
    const auto tokens = static_cast<std::int64_t>(visible_until.size());
    std::mt19937 random(static_cast<unsigned>(tokens + 1000 * shape.head_dim + shape.query_heads));
    const TestDevice numbers(target);
    const auto [qkv, d_out] = RandomAttention(random, numbers.dtype(), tokens, shape);
    const Mask position = depths(visible_until);
    const Result result = run(target, qkv, d_out, visible_until, shape);
    CHECK(numbers.off(result.out, reference::attention(qkv, visible_until, shape, position), {2e-6, 4e-3}) <
          1);
    const Values lse = reference::attention_lse(qkv, visible_until, shape, position);
    CHECK(numbers.off(result.lse, lse, {2e-6, 5e-5, 1.0}) < 1);
    if (tokens >= 50) CHECK(numbers.off(result.lse, lse, {2e-6, 1e-5}) < 1);
    CHECK(numbers.off(result.d_qkv,
                      reference::attention_backward(qkv, d_out, result.out, visible_until, shape, position),
                      {1e-5, 6e-3}) < 1);
    CHECK(run(target, qkv, d_out, visible_until, shape) == result);
}

double largest(const Values& values) {
    double result = 0;
    for (const double value : values) result = std::max(result, std::abs(value));
    return result;
}

/// Head sizes with kernels of their own on a GPU and others, one to one, several to one and all on one KV
/// head.
const std::vector<AttentionShape> shapes = {
    shape_of(2, 2, 8),   shape_of(2, 1, 16),   shape_of(4, 1, 10),  shape_of(4, 2, 32),  shape_of(4, 1, 20),
    shape_of(2, 2, 64),  shape_of(8, 2, 64),   shape_of(16, 1, 64), shape_of(4, 2, 80),  shape_of(6, 1, 96),
    shape_of(3, 1, 128), shape_of(12, 2, 128), shape_of(4, 2, 120), shape_of(2, 1, 200), shape_of(2, 1, 256)};

}  // namespace

BACKEND_TEST("attention of random trees, shallow and deep") {
    unsigned seed = 1;
    for (const AttentionShape& shape : shapes) {
        ++seed;
        check(target,
              random_trees(seed, {.trees = 2, .deepest = 4, .most_children = 2, .longest_segment = 4}),
              shape);
        check(target,
              random_trees(seed, {.trees = 2, .deepest = 9, .most_children = 2, .longest_segment = 2}),
              shape);
        check(target,
              random_trees(seed, {.trees = 4, .deepest = 4, .most_children = 3, .longest_segment = 20}),
              shape);
        check(target,
              random_trees(seed, {.trees = 1, .deepest = 3, .most_children = 2, .longest_segment = 130}),
              shape);
    }
}

BACKEND_TEST("attention of the last rows alone is theirs among all") {
    for (AttentionShape shape : {shape_of(4, 2, 64), shape_of(8, 2, 128)}) {
        for (const std::int64_t window : {0, 40}) {
            shape.window = window;
            shape.first_query = 0;
            for (const Mask& visible_until :
                 {Mask(333, 333),
                  random_trees(7, {.trees = 3, .deepest = 4, .most_children = 3, .longest_segment = 20})}) {
                const auto tokens = static_cast<std::int64_t>(visible_until.size());
                const std::int64_t out_size = shape.query_heads * shape.head_dim;
                std::mt19937 random(11);
                TestDevice device(target);
                const auto mask = device.backend.prepare_mask(visible_until, depths(visible_until), shape);
                const Tensor in = device.put(device.random(random, tokens * heads_of(shape) * shape.head_dim),
                                             {tokens, heads_of(shape), shape.head_dim});
                const auto from = [&](std::int64_t first) {
                    AttentionShape some = shape;
                    some.first_query = first;
                    const Tensor out = device.poisoned({tokens, out_size}),
                                 lse = device.poisoned_f32({shape.query_heads, tokens});
                    device.backend.attention(out, lse, in, *mask, some);
                    Values result = device.get(out.slice(first, tokens));
                    const Values all_lse = device.get(lse);
                    for (std::int64_t head = 0; head < shape.query_heads; ++head)
                        result.insert(result.end(), all_lse.begin() + head * tokens + first,
                                      all_lse.begin() + (head + 1) * tokens);
                    return result;
                };
                const Values all = from(0);
                for (const std::int64_t first : {std::int64_t{1}, tokens / 2, tokens - 1}) {
                    CAPTURE(first);
                    const std::int64_t rows = tokens - first;
                    Values expected(all.begin() + first * out_size, all.begin() + tokens * out_size);
                    for (std::int64_t head = 0; head < shape.query_heads; ++head) {
                        const auto begin = all.begin() + tokens * out_size + head * tokens;
                        expected.insert(expected.end(), begin + first, begin + tokens);
                    }
                    CHECK(static_cast<std::int64_t>(expected.size()) ==
                          rows * (out_size + shape.query_heads));
                    CHECK(from(first) == expected);
                }
            }
        }
    }
}

BACKEND_TEST("attention of single tokens, padding, plain sequences and preference pairs") {
    for (const AttentionShape& shape : shapes) {
        check(target, {1}, shape);
        check(target, {2, 2}, shape);
        Mask singles;  // as padding is
        for (std::int32_t i = 1; i <= 131; ++i) singles.push_back(i);
        check(target, singles, shape);
        check(target, Mask(129, 129), shape);
        check(target, pairs(2, 100, 40, 45), shape);
        check(target, pairs(9, 1, 1, 1), shape);
        Mask mixed(70, 70);
        for (std::int32_t i = 70; i < 90; ++i) mixed.push_back(i + 1);
        mixed.insert(mixed.end(), 130, 220);
        check(target, mixed, shape);
    }
}

BACKEND_TEST("attention with 64 branches from one prompt, and a branch at every token") {
    for (const AttentionShape& shape : {shape_of(4, 2, 32), shape_of(4, 1, 64), shape_of(3, 1, 128)}) {
        Mask branches(37, 37 + 64 * 3);
        for (std::int32_t b = 0; b < 64; ++b) branches.insert(branches.end(), 3, 37 + 3 * b + 3);
        check(target, branches, shape);
        Mask comb;
        for (std::int32_t i = 0; i < 90; ++i) comb.insert(comb.end(), {180, 2 * i + 2});
        check(target, comb, shape);
    }
}

BACKEND_TEST("attention with sliding windows and capped scores") {
    const Mask plain(300, 300);
    const Mask small = random_trees(71, {.trees = 6, .deepest = 4, .most_children = 3, .longest_segment = 9}),
               large =
                   random_trees(72, {.trees = 2, .deepest = 3, .most_children = 2, .longest_segment = 90});
    for (const AttentionShape& base : {shape_of(4, 2, 10), shape_of(4, 2, 64), shape_of(4, 4, 96)})
        for (const std::int64_t window : {0, 1, 3, 7, 40, 64, 100})
            for (const float softcap : {0.0f, 2.0f, 3.0f}) {
                if (window == 0 && softcap == 0) continue;
                AttentionShape shape = base;
                shape.window = window;
                shape.softcap = softcap;
                for (const Mask* mask : {&plain, &small, &large}) check(target, *mask, shape);
            }
}

BACKEND_TEST("the gradient of attention before RoPE, of whole heads and of parts of them") {
    const Mask small =
                   random_trees(81, {.trees = 4, .deepest = 4, .most_children = 3, .longest_segment = 20}),
               large =
                   random_trees(82, {.trees = 1, .deepest = 3, .most_children = 2, .longest_segment = 130});
    const auto check_parts = [&](const AttentionShape& shape, const Mask& until,
                                 std::initializer_list<std::int64_t> parts) {
        CAPTURE(shape.head_dim);
        CAPTURE(shape.window);
        CAPTURE(until.size());
        TestDevice device(target);
        const auto tokens = static_cast<std::int64_t>(until.size());
        const std::int64_t heads = heads_of(shape), out_size = shape.query_heads * shape.head_dim;
        std::mt19937 random(static_cast<unsigned>(tokens + shape.head_dim));
        const Mask position = depths(until);
        const std::int64_t positions = *std::ranges::max_element(position) + 1;
        const auto [qkv, d_out] = RandomAttention(random, device.dtype(), tokens, shape);
        const auto mask = device.backend.prepare_mask(until, position, shape);
        const Tensor in = device.put(qkv, {tokens, heads, shape.head_dim}),
                     out = device.poisoned({tokens, out_size}),
                     lse = device.poisoned_f32({shape.query_heads, tokens}),
                     t_d_out = device.put(d_out, {tokens, out_size}), t_position = device.put(position);
        device.backend.attention(out, lse, in, *mask, shape);
        const auto gradient = [&](const Rotation& rotation) {
            const Tensor d_in = device.poisoned({tokens, heads, shape.head_dim});
            device.backend.attention_backward(d_in, t_d_out, out, lse, {}, in, *mask, shape, rotation);
            return device.get(d_in);
        };
        const Values unturned = gradient({}), behind = reference::attention_backward(
                                                  qkv, d_out, device.get(out), until, shape, position);
        for (const std::int64_t rotated : parts) {
            CAPTURE(rotated);
            const reference::RandomAngles angles(random, positions, rotated / 2);
            const Rotation rotation{device.put_f32(angles.cos, {positions, rotated / 2}),
                                    device.put_f32(angles.sin, {positions, rotated / 2}), t_position};
            const auto turned_back = [&](const Values& of) {
                return reference::rope(of, angles.cos, angles.minus_sin, position, shape, rotated);
            };
            const Values found = gradient(rotation);
            CHECK(device.off(found, turned_back(behind), {1e-5, 6e-3}) < 1);
            // Beside the gradient that was not turned back only roundings differ: those of a plane's two elements, and its own.
            CHECK(device.off(found, turned_back(unturned),
                             {1e-6, 2.1 * reference::bf16_rounding, largest(unturned)}) < 1);
            // Those of values stay as they are.
            std::int64_t changed = 0;
            for (std::size_t i = 0; i < found.size(); ++i)
                if (static_cast<std::int64_t>(i) / shape.head_dim % heads >=
                    shape.query_heads + shape.kv_heads)
                    changed += found[i] != unturned[i];
            CHECK(changed == 0);
            CHECK(gradient(rotation) == found);
            Rotation of_fewer = rotation;
            of_fewer.position = t_position.slice(0, tokens - 1);
            CHECK_THROWS_AS(gradient(of_fewer), Error);
        }
    };
    // A GPU's kernels turn some of these themselves and leave others to a pass of its own.
    for (const Mask* mask : {&small, &large}) {
        check_parts(shape_of(2, 1, 10), *mask, {10, 6});
        check_parts(shape_of(4, 2, 64), *mask, {64, 48, 32, 16, 40, 2});
        check_parts(shape_of(4, 1, 96), *mask, {96, 48});
        check_parts(shape_of(2, 1, 112), *mask, {112, 64});
        check_parts(shape_of(4, 1, 128), *mask, {128, 112, 96, 80, 64, 48, 32, 16, 72, 6});
        check_parts(shape_of(2, 2, 128), *mask, {128, 64});
        AttentionShape windowed = shape_of(2, 1, 64);
        windowed.window = 7;
        check_parts(windowed, *mask, {64, 32});
    }
}

BACKEND_TEST("attention: large scores neither overflow nor wake hidden tokens") {
    // Scores of up to a hundred: softmax picks one key. The second branch's keys would dominate the first
    // branch's queries if they were visible.
    const Mask until = pairs(1, 50, 50, 50);
    const std::int64_t tokens = 150;
    for (const AttentionShape& shape :
         {shape_of(1, 1, 8), shape_of(4, 1, 64), shape_of(4, 1, 128), shape_of(2, 1, 256)}) {
        std::mt19937 random(5);
        const TestDevice numbers(target);
        const auto [qkv, d_out] = RandomAttention(random, numbers.dtype(), tokens, shape, 4.0);
        const Result before = run(target, qkv, d_out, until, shape);
        CHECK(numbers.off(before.out, reference::attention(qkv, until, shape), {1e-5, 4e-3}) < 1);
        Values large = qkv;
        const auto row = heads_of(shape) * shape.head_dim;
        for (auto i = at(50 * row); i < at(100 * row); ++i) large[i] *= 256;
        const Result after = run(target, large, d_out, until, shape);
        const auto same = [&](std::int64_t from, std::int64_t to) {
            const std::int64_t size = shape.query_heads * shape.head_dim;
            return std::equal(before.out.begin() + from * size, before.out.begin() + to * size,
                              after.out.begin() + from * size);
        };
        CHECK(same(0, 50));
        CHECK(same(100, 150));
        CHECK_FALSE(same(50, 100));
    }
}

BACKEND_TEST("attention: a mask that breaks its rule is refused") {
    Backend& backend = target.backend();
    const Mask position(3);
    CHECK_THROWS_AS(backend.prepare_mask(Mask{3, 1, 3}, position, shape_of(1, 1, 64)), Error);
    CHECK_THROWS_AS(backend.prepare_mask(Mask{3, 3, 4}, position, shape_of(1, 1, 64)), Error);
    CHECK_THROWS_AS(backend.prepare_mask(Mask{2, 3, 3}, position, shape_of(1, 1, 64)), Error);
}
