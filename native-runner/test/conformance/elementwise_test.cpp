#include <algorithm>
#include <cmath>
#include <random>

#include "conformance/test_device.h"
#include "reference/backward_reference.h"

using namespace wishbone;
using namespace wishbone::conformance;

BACKEND_TEST("sums, biases and scaled activations") {
    std::mt19937 random(62);
    for (const std::int64_t rows : {1, 7, 9, 1000})
        for (const std::int64_t width : {5, 11, 64, 1536}) {
            CAPTURE(rows);
            CAPTURE(width);
            TestDevice device(target);
            const Values x = device.random(random, rows * width), y = device.random(random, rows * width),
                         bias = device.random(random, width),
                         before = reference::random_values(random, at(width));
            Values biased = x, scaled = x, d_expected = before;
            for (std::size_t i = 0; i < x.size(); ++i) {
                biased[i] += bias[i % at(width)];
                scaled[i] *= 7.5;
                d_expected[i % at(width)] += y[i];
            }
            const Tensor tx = device.put(x, {rows, width}), ty = device.put(y, {rows, width}),
                         sum = device.poisoned({rows, width}), d_bias = device.put_f32(before, {width});
            device.backend.add(sum, tx, ty);
            CHECK(device.get(sum) == device.rounded(plus(x, y)));
            device.backend.add(sum, sum, ty);  // in place
            CHECK(device.get(sum) == device.rounded(plus(device.rounded(plus(x, y)), y)));
            device.backend.bias_backward(d_bias, ty);
            CHECK(device.off(d_bias, d_expected, {1e-6, 2e-6}) < 1);
            device.backend.add_bias(tx, device.put(bias, {width}));
            CHECK(device.get(tx) == device.rounded(biased));
            const Tensor again = device.put(x, {rows, width});
            device.backend.scale(again, 7.5f);
            CHECK(device.get(again) == device.rounded(scaled));
        }
}

BACKEND_TEST("scale: f32 of any length and alignment") {
    std::mt19937 random(11);
    for (const std::int64_t count : {1, 7, 1000, 100001, 3'000'000}) {
        CAPTURE(count);
        TestDevice device(target);
        const Values x = reference::random_values(random, at(count));
        const Tensor tensor = device.put_f32(x, {count});
        device.backend.scale(tensor, 0.5f);
        Values half = x;
        for (double& value : half) value /= 2;
        CHECK(device.get(tensor) == half);
        if (count > 1) {
            device.backend.scale(tensor.slice(1, count), 2.0f);
            half = x;
            half[0] /= 2;
            CHECK(device.get(tensor) == half);
        }
    }
}

BACKEND_TEST("mix: a weighted mean in place, in f32 and as activations") {
    std::mt19937 random(15);
    for (const std::int64_t count : {10001, 100001}) {
        TestDevice device(target);
        const Values a = device.random(random, count), b = reference::random_values(random, at(count));
        Values expected = a;
        for (std::size_t i = 0; i < a.size(); ++i) expected[i] = 0.75 * a[i] + 0.25 * b[i];
        const Tensor from = device.put_f32(b, {count}), single = device.put_f32(a, {count}),
                     activations = device.put(a, {count});
        device.backend.mix(single, from, 0.25f);
        device.backend.mix(activations, from, 0.25f);
        CHECK(device.off(single, expected, {1e-6, 1e-6}) < 1);
        CHECK(device.off(activations, expected, rounded_once(1e-6, 1e-30)) < 1);
    }
}

BACKEND_TEST("gated units and their gradients, also far from zero") {
    std::mt19937 random(7);
    for (const Activation activation : {Activation::silu, Activation::gelu_tanh})
        for (const std::int64_t rows : {1, 7, 33, 40, 129, 1000})
            for (const std::int64_t width : {5, 21, 64, 2816}) {
                if (rows * width > 500'000) continue;
                const bool silu = activation == Activation::silu;
                CAPTURE(silu);
                CAPTURE(rows);
                CAPTURE(width);
                TestDevice device(target);
                Values gate_up = device.random(random, rows * 2 * width, silu ? 3.0 : 2.0);
                gate_up[0] = 95, gate_up[1] = -95, gate_up[2] = 0, gate_up[3] = -88, gate_up[4] = 88;
                const Values d_out = device.random(random, rows * width);
                const Tensor in = device.put(gate_up, {rows, 2 * width}),
                             out = device.poisoned({rows, width}), d_in = device.poisoned({rows, 2 * width}),
                             again = device.poisoned({rows, width}), d = device.put(d_out, {rows, width});
                device.backend.glu(out, in, activation);
                device.backend.glu_backward(d_in, again, d, in, activation);
                const Values expected = reference::glu(gate_up, width, activation),
                             d_expected = reference::glu_backward(d_out, gate_up, width, activation);
                CHECK(device.off(out, expected, rounded_once(1e-6, silu ? 1e-5 : 1e-4)) < 1);
                CHECK(device.off(again, expected, rounded_once(1e-6, silu ? 1e-5 : 1e-4)) < 1);
                CHECK(device.off(again, device.get(out), {1e-6, 1e-30}) < 1);  // on a GPU the same bits
                // Where the gate's slope crosses zero its terms cancel.
                CHECK(device.off(d_in, d_expected, rounded_once(1e-6, silu ? 1e-4 : 1e-3)) < 1);
                const Values first = device.get(again);
                device.backend.glu_backward(in, again, d, in, activation);  // in place
                CHECK(device.get(in) == device.get(d_in));
                CHECK(device.get(again) == first);
            }
}

BACKEND_TEST("rope turns and turns back") {
    std::mt19937 random(6);
    for (const std::int64_t tokens : {1, 5, 7, 129})
        for (const AttentionShape& shape : {AttentionShape{3, 1, 10, 1.0f},
                                            {4, 2, 8, 1.0f},
                                            {6, 2, 64, 1.0f},
                                            {5, 5, 96, 1.0f},
                                            {12, 2, 128, 1.0f},
                                            {2, 1, 256, 1.0f},
                                            {1, 1, 1024, 1.0f}}) {
            CAPTURE(tokens);
            CAPTURE(shape.head_dim);
            TestDevice device(target);
            const std::int64_t half = shape.head_dim / 2, heads = shape.query_heads + 2 * shape.kv_heads,
                               positions = 40;
            std::vector<std::int32_t> position;
            for (std::int64_t t = 0; t < tokens; ++t)
                position.push_back(std::uniform_int_distribution<std::int32_t>(0, positions - 1)(random));
            Values cos, sin, other_sin;
            for (std::int64_t i = 0; i < positions * half; ++i) {
                cos.push_back(static_cast<double>(std::cos(static_cast<float>(i))));
                sin.push_back(static_cast<double>(std::sin(static_cast<float>(i))));
                other_sin.push_back(-sin.back());
            }
            const Values qkv = device.random(random, tokens * heads * shape.head_dim);
            const Tensor x = device.put(qkv, {tokens, heads, shape.head_dim});
            const Rotation rotation{device.put_f32(cos, {positions, half}),
                                    device.put_f32(sin, {positions, half}), device.put(position)};
            device.backend.rope(x, rotation, shape, false);
            const Values turned = reference::rope(qkv, cos, sin, position, shape);
            CHECK(device.off(x, turned, rounded_once(1e-6, 1e-4)) < 1);
            // A rotation's inverse is its transpose: the backward pass.
            const Values from = device.rounded(turned);
            const Tensor back = device.put(from, {tokens, heads, shape.head_dim});
            device.backend.rope(back, rotation, shape, true);
            CHECK(device.off(back, qkv, {1e-6, 4e-3}) < 1);
            CHECK(device.off(back, reference::rope(from, cos, other_sin, position, shape),
                             rounded_once(1e-6, 1e-4)) < 1);
        }
}

BACKEND_TEST("rope turns a part of the head") {
    std::mt19937 random(64);
    const std::vector<std::int32_t> position{0, 3, 1, 7};
    for (const std::int64_t dim : {10, 96, 128})
        for (const std::int64_t rotated : {std::int64_t{6}, dim / 16 * 8}) {
            if (rotated == 0 || rotated > dim) continue;
            CAPTURE(dim);
            CAPTURE(rotated);
            TestDevice device(target);
            const AttentionShape shape{2, 1, dim, 1.0f};
            const Values cos = reference::random_bf16(random, 8 * rotated / 2),
                         sin = reference::random_bf16(random, 8 * rotated / 2),
                         qkv = device.random(random, 4 * 4 * dim);
            const Tensor x = device.put(qkv, {4, 4, dim});
            device.backend.rope(x,
                                {device.put_f32(cos, {8, rotated / 2}), device.put_f32(sin, {8, rotated / 2}),
                                 device.put(position)},
                                shape, false);
            CHECK(device.off(x, reference::rope(qkv, cos, sin, position, shape, rotated),
                             rounded_once(1e-6, 1e-3)) < 1);
        }
}
