#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "conformance/test_device.h"
#include "reference/attention_cases.h"
#include "reference/backward_reference.h"
#include "reference/random_bin.h"

using namespace wishbone;
using namespace wishbone::conformance;
using reference::RandomBin;

// The CPU backend cuts a bin between its threads; what it computes must not show how many there are. All else that attention
// must do is in test/conformance.

namespace {

void check(const std::vector<std::int32_t>& until, const std::vector<std::int32_t>& position,
           const AttentionShape& shape, int threads) {
    CAPTURE(threads);
    CAPTURE(shape.window);
    CAPTURE(shape.softcap);
    std::mt19937 random(static_cast<unsigned>(until.size()));
    const auto tokens = static_cast<std::int64_t>(until.size());
    const std::int64_t heads = shape.query_heads + 2 * shape.kv_heads,
                       out_size = shape.query_heads * shape.head_dim;
    const std::unique_ptr<Backend> backend = make_cpu_backend(threads);
    TestDevice device(*backend);
    const auto [qkv, d_out] = reference::RandomAttention(random, device.dtype(), tokens, shape);
    const auto mask = device.backend.prepare_mask(until, position, shape);
    const Tensor in = device.put(qkv, {tokens, heads, shape.head_dim}),
                 out = device.poisoned({tokens, out_size}),
                 lse = device.poisoned({shape.query_heads, tokens}),
                 d_in = device.poisoned({tokens, heads, shape.head_dim});
    device.backend.attention(out, lse, in, *mask, shape);
    device.backend.attention_backward(d_in, device.put(d_out, {tokens, out_size}), out, lse, {}, in, *mask,
                                      shape, {});
    const Values expected = reference::attention(qkv, until, shape, position);
    CHECK(reference::relative_difference(device.get(out), expected) < 2e-6);
    CHECK(reference::relative_difference(device.get(lse),
                                         reference::attention_lse(qkv, until, shape, position)) < 2e-6);
    CHECK(reference::relative_difference(
              device.get(d_in), reference::attention_backward(qkv, d_out, expected, until, shape, position)) <
          1e-5);
}

}  // namespace

TEST_CASE("one long tree is cut between threads without a trace") {
    std::vector<std::int32_t> until(700, 700);
    std::fill(until.begin() + 300, until.begin() + 490, 490);
    for (const int threads : {1, 2, 5, 16})
        check(until, std::vector<std::int32_t>(700), {2, 1, 16, 0.25f}, threads);
}

TEST_CASE("trees with sliding windows and capped scores are cut between threads without a trace") {
    AttentionShape shape{4, 2, 10, static_cast<float>(1 / std::sqrt(10.0))};
    for (const std::int64_t window : {0, 1, 3, 40})
        for (const float softcap : {0.0f, 2.0f}) {
            shape.window = window;
            shape.softcap = softcap;
            std::mt19937 random(static_cast<unsigned>(window));
            const RandomBin many(random,
                                 {.trees = 3, .deepest = 5, .most_children = 2, .longest_segment = 60});
            for (const int threads : {1, 5})
                check(many.shared.visible_until, many.shared.position, shape, threads);
        }
}
