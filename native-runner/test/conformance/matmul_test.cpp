#include <algorithm>
#include <cmath>
#include <random>

#include "conformance/test_device.h"
#include "core/error.h"
#include "reference/backward_reference.h"
#include "reference/random_angles.h"

using namespace wishbone;
using namespace wishbone::conformance;

BACKEND_TEST("linear and its gradients") {
    std::mt19937 random(4);
    struct Size {
        std::int64_t rows, inputs, outputs;
    };
    for (const Size& size : {Size{1, 64, 128},
                             {7, 256, 64},
                             {129, 64, 72},
                             {1000, 104, 88},
                             {301, 512, 8},
                             {13, 9, 17},
                             {129, 36, 29}}) {
        const auto [rows, inputs, outputs] = size;
        CAPTURE(rows);
        CAPTURE(inputs);
        CAPTURE(outputs);
        TestDevice device(target);
        const Values x = device.random(random, rows * inputs), w = device.random(random, outputs * inputs),
                     d_out = device.random(random, rows * outputs),
                     before = reference::random_values(random, at(outputs * inputs));
        const Tensor tx = device.put(x, {rows, inputs}), tw = device.put(w, {outputs, inputs}),
                     td = device.put(d_out, {rows, outputs});
        const Tensor out = device.poisoned({rows, outputs}), d_x = device.poisoned({rows, inputs}),
                     d_w = device.put_f32(before, {outputs, inputs});
        device.backend.linear(out, tx, tw);
        device.backend.linear_backward_input(d_x, td, tw);
        device.backend.linear_backward_weight(d_w, td, tx, true);
        const reference::LinearGradient expected = reference::linear_backward(d_out, x, w, inputs);
        CHECK(device.off(out, reference::linear(x, w, inputs), rounded_once(1e-6, 1e-3)) < 1);
        CHECK(device.off(d_x, expected.x, rounded_once(1e-6, 1e-3)) < 1);
        CHECK(device.off(d_w, plus(before, expected.w), {1e-6, 2e-6}) < 1);
        const Tensor written = device.poisoned_f32({outputs, inputs}),
                     added = device.put_f32(Values(before.size(), 0.0), {outputs, inputs});
        device.backend.linear_backward_weight(written, td, tx, false);
        device.backend.linear_backward_weight(added, td, tx, true);
        CHECK(device.get(written) == device.get(added));
        const Tensor again = device.poisoned({rows, outputs});
        device.backend.linear(again, tx, tw);
        CHECK(device.get(again) == device.get(out));
        if (rows != outputs) CHECK_THROWS(device.backend.linear(out, tw, tx));

        const Values stream = device.random(random, rows * outputs);
        const Tensor to = device.put(stream, {rows, outputs}), sum = device.poisoned({rows, outputs});
        device.backend.linear_added(sum, to, tx, tw);
        CHECK(device.off(sum, plus(stream, reference::linear(x, w, inputs)), rounded_once(1e-6, 1e-2)) < 1);
        CHECK(device.get(to) == stream);
        const Tensor sum_again = device.poisoned({rows, outputs});
        device.backend.linear_added(sum_again, to, tx, tw);
        CHECK(device.get(sum_again) == device.get(sum));
        CHECK_THROWS(device.backend.linear_added(to, to, tx, tw));
        if (rows != outputs) CHECK_THROWS(device.backend.linear_added(sum, to, tw, tx));
    }
}

BACKEND_TEST("the linear layer behind attention, backwards") {
    std::mt19937 random(28);
    struct Size {
        std::int64_t rows, heads, head_dim, outputs;
    };
    for (const Size& size : {Size{1, 2, 8, 16}, {7, 3, 64, 40}, {129, 2, 96, 72}, {301, 1, 128, 64}}) {
        const auto [rows, heads, head_dim, outputs] = size;
        CAPTURE(rows);
        CAPTURE(heads);
        TestDevice device(target);
        const std::int64_t inputs = heads * head_dim;
        const Values w = device.random(random, outputs * inputs),
                     attention = device.random(random, rows * inputs),
                     d_out = device.random(random, rows * outputs);
        const Tensor tw = device.put(w, {outputs, inputs}), td = device.put(d_out, {rows, outputs}),
                     t_attention = device.put(attention, {rows, inputs}),
                     d_attention = device.poisoned({rows, inputs}),
                     delta = device.poisoned_f32({rows, heads});
        const bool has_delta =
            device.backend.attention_out_backward_input(d_attention, delta, td, tw, {}, {}, t_attention);
        CHECK(device.off(d_attention, reference::linear_backward(d_out, attention, w, inputs).x,
                         rounded_once(1e-6, 1e-3)) < 1);
        if (!has_delta) continue;
        const Values rounded = device.get(d_attention);
        Values sums(at(rows * heads));
        for (std::size_t i = 0; i < rounded.size(); ++i) sums[i / at(head_dim)] += rounded[i] * attention[i];
        CHECK(device.off(delta, sums, {1e-6, 1e-6}) < 1);
    }
}

BACKEND_TEST("a linear layer and the gated unit behind it, and backwards") {
    std::mt19937 random(27);
    struct Size {
        std::int64_t rows, inputs, width;
    };
    for (const Activation activation : {Activation::silu, Activation::gelu_tanh})
        for (const Size& size :
             {Size{1, 64, 128}, {7, 256, 64}, {129, 64, 72}, {301, 104, 88}, {13, 9, 17}}) {
            const auto [rows, inputs, width] = size;
            CAPTURE(rows);
            CAPTURE(inputs);
            TestDevice device(target);
            const Values x = device.random(random, rows * inputs),
                         w = device.random(random, 2 * width * inputs, 0.2),
                         d_out = device.random(random, rows * inputs),
                         down = device.random(random, inputs * width, 0.2);
            const Tensor tx = device.put(x, {rows, inputs}), tw = device.put(w, {2 * width, inputs}),
                         td = device.put(d_out, {rows, inputs}), t_down = device.put(down, {inputs, width});
            const Tensor out = device.poisoned({rows, width}), gate_up = device.poisoned({rows, 2 * width}),
                         scratch = device.poisoned({rows, 2 * width}), only = device.poisoned({rows, width}),
                         gates_only = device.poisoned({rows, 2 * width});
            device.backend.gated_linear(out, gate_up, tx, tw, {}, {}, activation, true);
            device.backend.gated_linear(only, scratch, tx, tw, {}, {}, activation, false);
            device.backend.gated_linear({}, gates_only, tx, tw, {}, {}, activation, true);
            CHECK(device.off(gate_up, reference::linear(x, w, inputs), rounded_once(1e-6, 1e-3)) < 1);
            // From the gates as they were rounded, so that whoever computes them again gets the same.
            const Values gates = device.get(gate_up);
            CHECK(device.off(out, reference::glu(gates, width, activation), rounded_once(1e-6, 1e-3)) < 1);
            CHECK(device.get(only) == device.get(out));
            CHECK(device.get(gates_only) == gates);

            const Tensor d_gate_up = device.poisoned({rows, 2 * width}),
                         again = device.poisoned({rows, width}), d_product = device.poisoned({rows, width});
            device.backend.gated_linear_backward_input(d_gate_up, again, d_product, td, t_down, {}, {},
                                                       gate_up, activation);
            const Values d = reference::linear_backward(d_out, Values(at(rows * width), 0.0), down, width).x;
            const Tolerance twice{1e-5, 2.1 * reference::bf16_rounding, 1e-2};
            CHECK(device.off(d_gate_up, reference::glu_backward(d, gates, width, activation), twice) < 1);
            CHECK(device.get(again) == device.get(out));
            device.backend.gated_linear_backward_input(gate_up, again, d_product, td, t_down, {}, {}, gate_up,
                                                       activation);
            CHECK(device.get(gate_up) == device.get(d_gate_up));  // in place
            if (inputs != 2 * width)
                CHECK_THROWS(device.backend.gated_linear(out, gate_up, tw, tx, {}, {}, activation, true));
        }
}

BACKEND_TEST("queries, keys and values of a linear layer, rotated") {
    std::mt19937 random(29);
    struct Size {
        std::int64_t tokens, inputs;
        AttentionShape shape;
        std::int64_t rotated;
    };
    for (const Size& size : {Size{1, 64, {2, 1, 64, 1.0f}, 64},
                             {7, 256, {3, 1, 10, 1.0f}, 6},
                             {129, 96, {4, 2, 64, 1.0f}, 32},
                             {301, 104, {6, 2, 128, 1.0f}, 128},
                             {300, 128, {2, 2, 128, 1.0f}, 96}}) {
        const auto& [tokens, inputs, shape, rotated] = size;
        CAPTURE(tokens);
        CAPTURE(shape.head_dim);
        TestDevice device(target);
        const std::int64_t heads = shape.query_heads + 2 * shape.kv_heads, positions = 50,
                           planes = rotated / 2, outputs = heads * shape.head_dim;
        std::vector<std::int32_t> position;
        for (std::int64_t t = 0; t < tokens; ++t)
            position.push_back(std::uniform_int_distribution<std::int32_t>(0, positions - 1)(random));
        const reference::RandomAngles angles(random, positions, planes);
        const Values x = device.random(random, tokens * inputs), w = device.random(random, outputs * inputs);
        const Tensor tx = device.put(x, {tokens, inputs}), tw = device.put(w, {outputs, inputs}),
                     qkv = device.poisoned({tokens, heads, shape.head_dim}),
                     plain = device.poisoned({tokens, heads, shape.head_dim});
        const Rotation rotation{device.put_f32(angles.cos, {positions, planes}),
                                device.put_f32(angles.sin, {positions, planes}), device.put(position)};
        device.backend.rotated_linear(qkv, tx, tw, {}, {}, rotation, shape);
        const Values product = reference::linear(x, w, inputs);
        // Rounded before, which both elements of a plane have of either, and after.
        double large = 0;
        for (const double value : product) large = std::max(large, std::abs(value));
        CHECK(device.off(qkv, reference::rope(product, angles.cos, angles.sin, position, shape, rotated),
                         {1e-6, 2.1 * reference::bf16_rounding, large}) < 1);
        device.backend.rotated_linear(plain, tx, tw, {}, {}, {}, shape);
        CHECK(device.off(plain, product, rounded_once(1e-6, 1e-3)) < 1);
        device.backend.rotated_linear(plain, tx, tw, {}, {}, rotation, shape);
        CHECK(device.get(plain) == device.get(qkv));
        CHECK_THROWS(device.backend.rotated_linear(qkv, tw, tx, {}, {}, rotation, shape));
    }
}

BACKEND_TEST("a linear layer with low-rank adapters on some of its outputs, and its gradients") {
    std::mt19937 random(24);
    struct Size {
        std::int64_t rows, inputs, outputs;
        std::vector<reference::LowRankReference::Branch> branches;
    };
    for (Size& size : std::vector<Size>{
             {1, 64, 128, {{0, 128, 8, 1.5, {}}}},
             {129, 64, 192, {{64, 64, 16, 2.0, {}}}},
             // Queries, keys and values; then without keys.
             {301, 256, 192, {{0, 128, 16, 2, {}}, {128, 32, 8, 0.5, {}}, {160, 32, 16, 1, {}}}},
             {301, 256, 192, {{0, 128, 16, 2, {}}, {160, 32, 16, 1, {}}}},
             {1000, 104, 176, {{0, 88, 64, 0.25, {}}, {88, 88, 64, 0.25, {}}}},
             {1000, 104, 88, {{8, 72, 4, 1.5, {}}}},
             {13, 9, 17, {{5, 7, 3, 1.5, {}}}},
             {13, 9, 23, {{2, 7, 3, 1.5, {}}, {9, 4, 2, -0.75, {}}, {18, 3, 1, 2.0, {}}}},
             {129, 36, 31, {{1, 15, 1, 1.5, {}}, {17, 13, 5, -1, {}}}}}) {
        const auto rows = size.rows, inputs = size.inputs, outputs = size.outputs;
        TestDevice device(target);
        std::int64_t ranks = 0;
        for (auto& branch : size.branches) {
            branch.b = device.random(random, branch.count * branch.rank);
            ranks += branch.rank;
        }
        CAPTURE(rows);
        CAPTURE(inputs);
        CAPTURE(ranks);
        const Values x = device.random(random, rows * inputs), w = device.random(random, outputs * inputs),
                     a = device.random(random, ranks * inputs), d_out = device.random(random, rows * outputs),
                     d_a_before = reference::random_values(random, at(ranks * inputs));
        std::vector<Values> d_b_before;
        LowRank adapter{device.put(a, {ranks, inputs}), {}},
            d_adapter{device.put_f32(d_a_before, {ranks, inputs}), {}};
        for (const auto& branch : size.branches) {
            const auto scale = static_cast<float>(branch.scale);
            d_b_before.push_back(reference::random_values(random, branch.b.size()));
            adapter.branches.push_back(
                {device.put(branch.b, {branch.count, branch.rank}), branch.first, scale});
            d_adapter.branches.push_back(
                {device.put_f32(d_b_before.back(), {branch.count, branch.rank}), branch.first, scale});
        }
        const Tensor tx = device.put(x, {rows, inputs}), tw = device.put(w, {outputs, inputs}),
                     td = device.put(d_out, {rows, outputs}), out = device.poisoned({rows, outputs}),
                     d_x = device.poisoned({rows, inputs}), h = device.poisoned({rows, ranks}),
                     d_h = device.poisoned({rows, ranks});
        device.backend.adapted_linear(out, h, tx, tw, adapter);
        device.backend.adapted_linear_backward_input(d_x, d_h, td, tw, adapter);
        device.backend.low_rank_backward_weight(d_adapter, td, tx, h, d_h, adapter);
        // Each product is held against the one of what it was given: what lies between two of them is rounded to
        // activations, and a sum just at a tie may be rounded either way.
        const reference::LowRankBetween between = {device.get(h), device.get(d_h)};
        const reference::LowRankReference expected =
            reference::low_rank_reference(x, w, a, size.branches, d_out, inputs, &between);
        CHECK(device.off(h, expected.h, rounded_once(1e-6, 1e-3)) < 1);
        CHECK(device.off(d_h, expected.d_h, rounded_once(1e-6, 1e-3)) < 1);
        CHECK(device.off(out, expected.out, {1e-6, reference::bf16_rounding}) < 1);
        CHECK(device.off(d_x, expected.d_x, {1e-6, reference::bf16_rounding}) < 1);
        CHECK(device.off(d_adapter.a, plus(d_a_before, expected.d_a), {1e-6, 2e-6}) < 1);
        for (std::size_t i = 0; i < d_b_before.size(); ++i)
            CHECK(device.off(d_adapter.branches[i].b, plus(d_b_before[i], expected.d_b[i]), {1e-6, 2e-6}) <
                  1);

        // The adapters' part alone.
        const reference::LowRankReference alone = reference::low_rank_reference(
            x, Values(w.size(), 0.0), a, size.branches, d_out, inputs, &between);
        device.backend.adapted_linear(out, h, tx, {}, adapter);
        device.backend.adapted_linear_backward_input(d_x, d_h, td, {}, adapter);
        CHECK(device.off(out, alone.out, {1e-6, reference::bf16_rounding}) < 1);
        CHECK(device.off(d_x, alone.d_x, {1e-6, reference::bf16_rounding}) < 1);

        if (inputs != ranks) CHECK_THROWS(device.backend.adapted_linear(out, d_x, tx, tw, adapter));
        LowRank wrong = adapter;
        wrong.branches.back().first_output = outputs;  // beyond the last output
        CHECK_THROWS(device.backend.adapted_linear(out, h, tx, tw, wrong));
        if (size.branches.size() > 1) {
            wrong.branches.back().first_output = wrong.branches[0].first_output;  // where another branch is
            CHECK_THROWS(device.backend.adapted_linear(out, h, tx, tw, wrong));
        }
    }
}

BACKEND_TEST("the measured ceiling is a rate the device can have") {
    const double rate = target.backend().measure_matmul_ceiling();
    MESSAGE("matrix products: ", rate * 1e-12, " TFLOP/s");
    CHECK(rate > (target.name == "cpu" ? 1e8 : 1e13));
    CHECK(rate < (target.name == "cpu" ? 1e14 : 1e16));
}
