#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "reference/device.h"
#include "reference/differences.h"
#include "reference/operations_reference.h"
#include "reference/random_bin.h"

using namespace wishbone;
using namespace wishbone::reference;

namespace {

AttentionShape shape_of(std::int64_t query_heads, std::int64_t kv_heads, std::int64_t head_dim) {
    return {query_heads, kv_heads, head_dim,
            static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim)))};
}

struct Result {
    Values out, lse, d_qkv;
};

Result run(Device& device, const Values& qkv, const Values& d_out,
           const std::vector<std::int32_t>& visible_until, const AttentionShape& shape,
           std::vector<std::int32_t> position = {}) {
    const auto tokens = static_cast<std::int64_t>(visible_until.size());
    const std::int64_t heads = shape.query_heads + 2 * shape.kv_heads,
                       out_size = shape.query_heads * shape.head_dim;
    position.resize(visible_until.size());  // the mask does not need it without a window
    const auto mask = device.backend->prepare_mask(visible_until, position, shape);
    const Tensor in = device.put(qkv, {tokens, heads, shape.head_dim});
    const Tensor out = device.poisoned({tokens, out_size}),
                 lse = device.poisoned({shape.query_heads, tokens});
    device.backend->attention(out, lse, in, *mask, shape);
    const Tensor d_in = device.poisoned({tokens, heads, shape.head_dim});
    device.backend->attention_backward(d_in, device.put(d_out, {tokens, out_size}), out, lse, in, *mask,
                                       shape);
    return {device.get(out), device.get(lse), device.get(d_in)};
}

/// Forward against the reference, backward against slopes of the reference in double.
void check(const std::vector<std::int32_t>& visible_until, const AttentionShape& shape, int threads,
           bool every_element, const std::vector<std::int32_t>& position = {}) {
    CAPTURE(shape.window);
    CAPTURE(shape.softcap);
    CAPTURE(shape.query_heads);
    CAPTURE(shape.kv_heads);
    CAPTURE(shape.head_dim);
    CAPTURE(visible_until.size());
    CAPTURE(threads);
    std::mt19937 random(
        static_cast<unsigned>(visible_until.size() + 1000 * static_cast<std::size_t>(shape.head_dim)));
    const std::size_t heads = static_cast<std::size_t>(shape.query_heads + 2 * shape.kv_heads);
    Values qkv =
        random_values(random, visible_until.size() * heads * static_cast<std::size_t>(shape.head_dim));
    const Values d_out = random_values(
        random, visible_until.size() * static_cast<std::size_t>(shape.query_heads * shape.head_dim));
    Device device(make_cpu_backend(threads));
    const Result result = run(device, qkv, d_out, visible_until, shape, position);
    CHECK(relative_difference(result.out, attention(qkv, visible_until, shape, position)) < 2e-6);
    CHECK(relative_difference(result.lse, attention_lse(qkv, visible_until, shape, position)) < 2e-6);

    const auto loss = [&] { return dot(d_out, attention(qkv, visible_until, shape, position)); };
    if (every_element) {
        CHECK(relative_difference(result.d_qkv, gradient(loss, qkv)) < 1e-5);
    } else {
        for (int i = 0; i < 3; ++i) {
            const Values direction = random_values(random, qkv.size());
            const double expected = slope(loss, qkv, direction);
            double size = 0;
            for (const double value : result.d_qkv) size += value * value;
            // Measured against the slope that a random direction has on average.
            CHECK(std::abs(dot(result.d_qkv, direction) - expected) < 1e-5 * std::sqrt(size));
        }
    }
}

std::vector<std::int32_t> random_trees(unsigned seed, const RandomTrees& options) {
    std::mt19937 random(seed);
    return RandomBin(random, options).shared.visible_until;
}

}  // namespace

TEST_CASE("attention of random small trees: every element of the gradient") {
    for (const auto& shape : {shape_of(2, 2, 8), shape_of(2, 1, 16), shape_of(4, 1, 10)})
        for (unsigned seed = 1; seed <= 3; ++seed)
            check(random_trees(seed, {.trees = 2, .deepest = 4, .most_children = 2, .longest_segment = 4}),
                  shape, 2, true);
}

TEST_CASE("attention of random deep trees over several tiles: slopes along random directions") {
    const std::vector<std::int32_t> deep =
        random_trees(7, {.trees = 3, .deepest = 6, .most_children = 2, .longest_segment = 37});
    CHECK(deep.size() > 300);
    for (const auto& shape :
         {shape_of(2, 2, 64), shape_of(4, 2, 32), shape_of(4, 1, 20), shape_of(3, 1, 128)})
        check(deep, shape, 2, false);
    check(random_trees(8, {.trees = 2, .deepest = 3, .most_children = 3, .longest_segment = 150}),
          shape_of(2, 1, 48), 2, false);
    check(random_trees(9, {.trees = 2, .deepest = 9, .most_children = 2, .longest_segment = 2}),
          shape_of(4, 2, 16), 2, false);
}

TEST_CASE("attention of plain sequences, padding and single tokens") {
    check({1}, shape_of(2, 1, 8), 1, true);
    check({1, 2, 3, 4, 5}, shape_of(2, 1, 8), 2, true);  // each token alone, as padding is
    const std::vector<std::int32_t> plain(300, 300);
    check(plain, shape_of(2, 2, 16), 1, false);
    std::vector<std::int32_t> mixed(70, 70);
    for (std::int32_t i = 70; i < 90; ++i) mixed.push_back(i + 1);
    mixed.insert(mixed.end(), 130, 220);
    check(mixed, shape_of(2, 1, 32), 2, false);
}

TEST_CASE("attention with sliding windows and capped scores") {
    AttentionShape shape = shape_of(4, 2, 10);
    for (const std::int64_t window : {0, 1, 3, 40})
        for (const float softcap : {0.0f, 2.0f}) {
            shape.window = window;
            shape.softcap = softcap;
            std::mt19937 random(static_cast<unsigned>(window));
            const RandomBin few(random,
                                {.trees = 2, .deepest = 4, .most_children = 2, .longest_segment = 4});
            check(few.shared.visible_until, shape, 2, true, few.shared.position);
            const RandomBin many(random,
                                 {.trees = 3, .deepest = 5, .most_children = 2, .longest_segment = 60});
            for (const int threads : {1, 5})
                check(many.shared.visible_until, shape, threads, false, many.shared.position);
        }
}

TEST_CASE("one long tree is cut between threads without a trace") {
    std::vector<std::int32_t> until(700, 700);
    std::fill(until.begin() + 300, until.begin() + 490, 490);
    const AttentionShape shape = shape_of(2, 1, 16);
    for (const int threads : {2, 5, 16}) check(until, shape, threads, false);
}

TEST_CASE("large scores neither overflow nor wake hidden tokens") {
    // The second branch's keys would dominate the first branch's queries if they were visible.
    std::mt19937 random(3);
    const AttentionShape shape = shape_of(1, 1, 8);
    std::vector<std::int32_t> until(90, 90);
    std::fill(until.begin() + 30, until.begin() + 60, 60);
    Values qkv = random_values(random, 90 * 3 * 8, 6.0);
    const Values d_out = random_values(random, 90 * 8);
    Device device(make_cpu_backend(2));
    const Result before = run(device, qkv, d_out, until, shape);
    CHECK(relative_difference(before.out, attention(qkv, until, shape)) < 1e-5);
    for (std::size_t i = 30 * 24; i < 60 * 24; ++i) qkv[i] *= 1e3;
    const Result after = run(device, qkv, d_out, until, shape);
    const auto rows_equal = [&](std::size_t from, std::size_t to) {
        for (std::size_t i = from * 8; i < to * 8; ++i)
            if (before.out[i] != after.out[i]) return false;
        return true;
    };
    CHECK(rows_equal(0, 30));
    CHECK(rows_equal(60, 90));
    CHECK_FALSE(rows_equal(30, 60));
}

TEST_CASE("attention gives the same bits every time") {
    const std::vector<std::int32_t> until =
        random_trees(11, {.trees = 5, .deepest = 4, .most_children = 3, .longest_segment = 40});
    const AttentionShape shape = shape_of(4, 2, 32);
    std::mt19937 random(5);
    const Values qkv = random_values(random, until.size() * 8 * 32),
                 d_out = random_values(random, until.size() * 128);
    Device device(make_cpu_backend(2));
    const Result first = run(device, qkv, d_out, until, shape);
    for (int i = 0; i < 5; ++i) {
        const Result again = run(device, qkv, d_out, until, shape);
        CHECK(again.out == first.out);
        CHECK(again.lse == first.lse);
        CHECK(again.d_qkv == first.d_qkv);
    }
}

TEST_CASE("a mask that breaks its rule is refused") {
    Device device(make_cpu_backend(1));
    const std::vector<std::int32_t> position(3);
    CHECK_THROWS(device.backend->prepare_mask(std::vector<std::int32_t>{3, 1, 3}, position, shape_of(1, 1, 8)));
    CHECK_THROWS(device.backend->prepare_mask(std::vector<std::int32_t>{3, 3, 4}, position, shape_of(1, 1, 8)));
}
