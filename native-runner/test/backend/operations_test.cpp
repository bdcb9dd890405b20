#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "reference/device.h"
#include "reference/differences.h"
#include "reference/operations_reference.h"

using namespace wishbone;
using namespace wishbone::reference;

namespace {

Values plus(Values a, const Values& b) {
    for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
    return a;
}

}  // namespace

TEST_CASE("embedding and its gradient, with repeated tokens") {
    std::mt19937 random(1);
    Device device(make_cpu_backend(2));
    const std::int64_t vocabulary = 7, width = 37;
    const std::vector<std::int32_t> tokens{3, 0, 3, 6, 3};
    const Values table = random_values(random, 7 * 37), d_out = random_values(random, 5 * 37),
                 before = random_values(random, 7 * 37);
    const Tensor token = device.put(tokens), out = device.poisoned({5, width});
    device.backend->embedding(out, device.put(table, {vocabulary, width}), token);
    Values expected, d_expected = before;
    for (std::size_t t = 0; t < tokens.size(); ++t)
        for (std::size_t i = 0; i < 37; ++i) {
            expected.push_back(table[static_cast<std::size_t>(tokens[t]) * 37 + i]);
            d_expected[static_cast<std::size_t>(tokens[t]) * 37 + i] += d_out[t * 37 + i];
        }
    CHECK(device.get(out) == expected);
    const Tensor d_table = device.put(before, {vocabulary, width});
    device.backend->embedding_backward(d_table, token, device.put(d_out, {5, width}));
    CHECK(relative_difference(device.get(d_table), d_expected) < 1e-6);
}

TEST_CASE("add_rmsnorm and its gradient") {
    std::mt19937 random(2);
    Device device(make_cpu_backend(2));
    for (const std::int64_t width : {5, 64, 131}) {
        const std::int64_t rows = 71;
        const std::size_t size = static_cast<std::size_t>(rows * width);
        const double eps = 1e-5, offset = width == 64 ? 1 : 0;
        const RmsNorm norm{static_cast<float>(eps), static_cast<float>(offset)};
        const Values x = random_values(random, size), delta = random_values(random, size),
                     d_out = random_values(random, size);
        Values weight = random_values(random, static_cast<std::size_t>(width)), sum_expected(size);
        for (std::size_t i = 0; i < size; ++i)
            sum_expected[i] = static_cast<double>(static_cast<float>(x[i]) + static_cast<float>(delta[i]));

        const Tensor sum = device.poisoned({rows, width}), out = device.poisoned({rows, width}),
                     inv_rms = device.poisoned({rows}), w = device.put(weight, {width});
        device.backend->add_rmsnorm(sum, out, inv_rms, device.put(x, {rows, width}),
                                    device.put(delta, {rows, width}), w, norm);
        CHECK(device.get(sum) == sum_expected);
        CHECK(relative_difference(device.get(out), rmsnorm(sum_expected, weight, eps, offset)) < 1e-6);

        const Tensor out_alone = device.poisoned({rows, width}), inv_alone = device.poisoned({rows});
        device.backend->add_rmsnorm({}, out_alone, inv_alone, sum, {}, w, norm);
        CHECK(relative_difference(device.get(out_alone), device.get(out)) < 1e-6);
        CHECK(relative_difference(device.get(inv_alone), device.get(inv_rms)) < 1e-6);

        const Values d_x_before = random_values(random, size),
                     d_w_before = random_values(random, static_cast<std::size_t>(width));
        const Tensor d_x = device.put(d_x_before, {rows, width}), d_w = device.put(d_w_before, {width}),
                     again = device.poisoned({rows, width});
        device.backend->rmsnorm_backward(d_x, d_w, again, device.put(d_out, {rows, width}), sum, inv_rms, w,
                                         norm);
        Values input = sum_expected;
        const auto loss = [&] { return dot(d_out, rmsnorm(input, weight, eps, offset)); };
        CHECK(relative_difference(device.get(again), device.get(out)) < 1e-6);
        CHECK(relative_difference(device.get(d_w), plus(d_w_before, gradient(loss, weight))) < 1e-5);
        if (width < 100)
            CHECK(relative_difference(device.get(d_x), plus(d_x_before, gradient(loss, input))) < 1e-5);
    }
}

TEST_CASE("linear and its gradients") {
    std::mt19937 random(3);
    Device device(make_cpu_backend(2));
    const std::int64_t rows = 13, inputs = 9, outputs = 17;
    Values x = random_values(random, 13 * 9), w = random_values(random, 17 * 9);
    const Values d_out = random_values(random, 13 * 17), d_w_before = random_values(random, 17 * 9);
    const Tensor tx = device.put(x, {rows, inputs}), tw = device.put(w, {outputs, inputs}),
                 td = device.put(d_out, {rows, outputs});
    const Tensor out = device.poisoned({rows, outputs}), d_x = device.poisoned({rows, inputs}),
                 d_w = device.put(d_w_before, {outputs, inputs});
    device.backend->linear(out, tx, tw);
    device.backend->linear_backward_input(d_x, td, tw);
    device.backend->linear_backward_weight(d_w, td, tx);
    const auto loss = [&] { return dot(d_out, linear(x, w, inputs)); };
    CHECK(relative_difference(device.get(out), linear(x, w, inputs)) < 1e-6);
    CHECK(relative_difference(device.get(d_x), gradient(loss, x)) < 1e-6);
    CHECK(relative_difference(device.get(d_w), plus(d_w_before, gradient(loss, w))) < 1e-6);
    CHECK_THROWS(device.backend->linear(out, tw, tx));
}

TEST_CASE("a linear layer with low-rank adapters on some of its outputs, and its gradients") {
    std::mt19937 random(23);
    Device device(make_cpu_backend(2));
    const std::int64_t rows = 13, inputs = 9, outputs = 23;
    struct Branch {
        std::int64_t rank, first, count;
        float scale;
        Values b, d_b_before;
    };
    std::vector<Branch> branches = {
        {3, 2, 7, 1.5f, {}, {}}, {2, 9, 4, -0.75f, {}, {}}, {1, 18, 3, 2.0f, {}, {}}};
    const std::int64_t ranks = 6;
    for (Branch& branch : branches) {
        branch.b = random_values(random, static_cast<std::size_t>(branch.count * branch.rank));
        branch.d_b_before = random_values(random, branch.b.size());
    }
    Values x = random_values(random, 13 * 9), a = random_values(random, 6 * 9);
    const Values w = random_values(random, 23 * 9), d_out = random_values(random, 13 * 23),
                 d_a_before = random_values(random, 6 * 9);
    const auto expected = [&] {
        Values sum = linear(x, w, inputs);
        std::int64_t first_rank = 0;
        for (const Branch& branch : branches) {
            const auto begin = a.begin() + first_rank * inputs;
            const Values own(begin, begin + branch.rank * inputs);
            const Values change = linear(linear(x, own, inputs), branch.b, branch.rank);
            for (std::int64_t i = 0; i < rows; ++i)
                for (std::int64_t j = 0; j < branch.count; ++j)
                    sum[static_cast<std::size_t>(i * outputs + branch.first + j)] +=
                        static_cast<double>(branch.scale) *
                        change[static_cast<std::size_t>(i * branch.count + j)];
            first_rank += branch.rank;
        }
        return sum;
    };
    const auto loss = [&] { return dot(d_out, expected()); };

    LowRank adapter{device.put(a, {ranks, inputs}), {}},
        d_adapter{device.put(d_a_before, {ranks, inputs}), {}};
    for (const Branch& branch : branches) {
        adapter.branches.push_back(
            {device.put(branch.b, {branch.count, branch.rank}), branch.first, branch.scale});
        d_adapter.branches.push_back(
            {device.put(branch.d_b_before, {branch.count, branch.rank}), branch.first, branch.scale});
    }
    const Tensor tx = device.put(x, {rows, inputs}), tw = device.put(w, {outputs, inputs}),
                 td = device.put(d_out, {rows, outputs}), out = device.poisoned({rows, outputs}),
                 d_x = device.poisoned({rows, inputs}), h = device.poisoned({rows, ranks}),
                 d_h = device.poisoned({rows, ranks});
    device.backend->adapted_linear(out, h, tx, tw, adapter);
    device.backend->adapted_linear_backward_input(d_x, d_h, td, tw, adapter);
    device.backend->low_rank_backward_weight(d_adapter, td, tx, h, d_h, adapter);
    CHECK(relative_difference(device.get(out), expected()) < 1e-6);
    CHECK(relative_difference(device.get(d_x), gradient(loss, x)) < 1e-6);
    CHECK(relative_difference(device.get(d_adapter.a), plus(d_a_before, gradient(loss, a))) < 1e-6);
    for (std::size_t i = 0; i < branches.size(); ++i)
        CHECK(relative_difference(device.get(d_adapter.branches[i].b),
                                  plus(branches[i].d_b_before, gradient(loss, branches[i].b))) < 1e-6);

    CHECK_THROWS(device.backend->adapted_linear(out, d_x, tx, tw, adapter));
    LowRank wrong = adapter;
    wrong.branches[2].first_output = 21;  // beyond the last output
    CHECK_THROWS(device.backend->adapted_linear(out, h, tx, tw, wrong));
    wrong.branches[2].first_output = 12;  // where another branch is
    CHECK_THROWS(device.backend->adapted_linear(out, h, tx, tw, wrong));
}

TEST_CASE("biases and sums") {
    std::mt19937 random(13);
    Device device(make_cpu_backend(2));
    const Values x = random_values(random, 7 * 11), y = random_values(random, 7 * 11),
                 bias = random_values(random, 11), before = random_values(random, 11);
    const Tensor tx = device.put(x, {7, 11}), ty = device.put(y, {7, 11}), sum = device.poisoned({7, 11}),
                 d_bias = device.put(before, {11});
    device.backend->add(sum, tx, ty);
    CHECK(relative_difference(device.get(sum), plus(x, y)) < 1e-7);
    device.backend->add(tx, tx, ty);  // in place
    CHECK(device.get(tx) == device.get(sum));
    device.backend->bias_backward(d_bias, ty);
    device.backend->add_bias(ty, device.put(bias, {11}));
    Values biased = y, d_expected = before;
    for (std::size_t i = 0; i < biased.size(); ++i) biased[i] += bias[i % 11], d_expected[i % 11] += y[i];
    CHECK(relative_difference(device.get(ty), biased) < 1e-7);
    CHECK(relative_difference(device.get(d_bias), d_expected) < 1e-6);
}

TEST_CASE("norms of queries and keys and their gradients") {
    std::mt19937 random(14);
    Device device(make_cpu_backend(3));
    const AttentionShape shape{4, 2, 6, 1.0f};
    for (const bool together : {false, true}) {
        const double offset = together ? 0 : 1;
        const RmsNorm norm{1e-5f, static_cast<float>(offset)};
        const std::int64_t tokens = 9, query_size = together ? 24 : 6, key_size = together ? 12 : 6;
        Values qkv = random_values(random, 9 * 48),
               query = random_values(random, static_cast<std::size_t>(query_size)),
               key = random_values(random, static_cast<std::size_t>(key_size));
        const Values d_out = random_values(random, 9 * 48),
                     d_query_before = random_values(random, query.size()),
                     d_key_before = random_values(random, key.size());
        const Tensor in = device.put(qkv, {tokens, 8, 6}), out = device.poisoned({tokens, 8, 6}),
                     q = device.put(query, {query_size}), k = device.put(key, {key_size}),
                     d = device.put(d_out, {tokens, 8, 6}), d_q = device.put(d_query_before, {query_size}),
                     d_k = device.put(d_key_before, {key_size});
        device.backend->qk_norm(out, in, q, k, shape, norm);
        device.backend->qk_norm_backward(d, d_q, d_k, in, q, k, shape, norm);
        const auto forward = [&] { return qk_norm(qkv, query, key, shape, 1e-5, offset); };
        const auto loss = [&] { return dot(d_out, forward()); };
        CHECK(relative_difference(device.get(out), forward()) < 1e-6);
        CHECK(relative_difference(device.get(d), gradient(loss, qkv)) < 1e-5);
        CHECK(relative_difference(device.get(d_q), plus(d_query_before, gradient(loss, query))) < 1e-5);
        CHECK(relative_difference(device.get(d_k), plus(d_key_before, gradient(loss, key))) < 1e-5);
    }
}

TEST_CASE("rope turns a part of the head") {
    std::mt19937 random(15);
    Device device(make_cpu_backend(2));
    const AttentionShape shape{2, 1, 10, 1.0f};
    const std::vector<std::int32_t> position{0, 3, 1};
    const Values cos = random_values(random, 4 * 3), sin = random_values(random, 4 * 3),
                 qkv = random_values(random, 3 * 4 * 10);
    const Tensor x = device.put(qkv, {3, 4, 10});
    device.backend->rope(x, device.put(cos, {4, 3}), device.put(sin, {4, 3}), device.put(position), shape,
                         false);
    CHECK(relative_difference(device.get(x), rope(qkv, cos, sin, position, shape, 6)) < 1e-6);
}

TEST_CASE("rope turns and turns back") {
    std::mt19937 random(4);
    Device device(make_cpu_backend(2));
    const AttentionShape shape{3, 1, 10, 1.0f};
    const std::vector<std::int32_t> position{0, 4, 2, 2, 7};
    Values cos, sin;
    for (int i = 0; i < 8 * 5; ++i) {
        cos.push_back(static_cast<double>(static_cast<float>(std::cos(i))));
        sin.push_back(static_cast<double>(static_cast<float>(std::sin(i))));
    }
    const Values qkv = random_values(random, 5 * 5 * 10);
    const Tensor x = device.put(qkv, {5, 5, 10}), c = device.put(cos, {8, 5}), s = device.put(sin, {8, 5}),
                 p = device.put(position);
    device.backend->rope(x, c, s, p, shape, false);
    CHECK(relative_difference(device.get(x), rope(qkv, cos, sin, position, shape)) < 1e-6);
    device.backend->rope(x, c, s, p, shape,
                         true);  // a rotation's inverse is its transpose: the backward pass
    CHECK(relative_difference(device.get(x), qkv) < 1e-6);
}

TEST_CASE("gated units and their gradients, also far from zero") {
    for (const Activation activation : {Activation::silu, Activation::gelu_tanh}) {
        std::mt19937 random(5);
        Device device(make_cpu_backend(2));
        const std::int64_t rows = 40, width = 21;
        Values gate_up = random_values(random, 40 * 42, 3.0);
        gate_up[0] = 95, gate_up[1] = -95, gate_up[2] = 0, gate_up[3] = -88, gate_up[4] = 88;
        const Values d_out = random_values(random, 40 * 21);
        const Tensor in = device.put(gate_up, {rows, 2 * width}), out = device.poisoned({rows, width}),
                     d_in = device.poisoned({rows, 2 * width}), again = device.poisoned({rows, width}),
                     d = device.put(d_out, {rows, width});
        device.backend->glu(out, in, activation);
        device.backend->glu_backward(d_in, again, d, in, activation);
        const auto loss = [&] { return dot(d_out, glu(gate_up, width, activation)); };
        const Values expected = gradient(loss, gate_up);
        CHECK(relative_difference(device.get(out), glu(gate_up, width, activation)) < 1e-6);
        CHECK(relative_difference(device.get(again), glu(gate_up, width, activation)) < 1e-6);
        CHECK(relative_difference(device.get(d_in), expected) < 1e-6);
        device.backend->glu_backward(in, again, d, in, activation);  // in place
        CHECK(device.get(in) == device.get(d_in));
    }
}

TEST_CASE("rows are gathered and scattered back") {
    std::mt19937 random(6);
    Device device(make_cpu_backend(2));
    const std::vector<std::int32_t> rows{1, 2, 5};
    const Values x = random_values(random, 6 * 11), add = random_values(random, 3 * 11);
    const Tensor row = device.put(rows), from = device.put(x, {6, 11}), out = device.poisoned({3, 11});
    device.backend->gather_rows(out, from, row);
    device.backend->scatter_add_rows(from, device.put(add, {3, 11}), row);
    Values gathered, scattered = x;
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t j = 0; j < 11; ++j) {
            const std::size_t at = static_cast<std::size_t>(rows[i]) * 11 + j;
            gathered.push_back(x[at]);
            scattered[at] += add[i * 11 + j];
        }
    CHECK(device.get(out) == gathered);
    CHECK(relative_difference(device.get(from), scattered) < 1e-6);
}

TEST_CASE("head: several targets a row, logits kept, kept in part and computed again") {
    std::mt19937 random(7);
    Device device(make_cpu_backend(2));
    const std::int64_t rows = 9, width = 12, vocabulary = 33;
    const std::vector<std::int32_t> row{0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 3, 3},
        token{5, 0, 0, 32, 1, 2, 3, 4, 5, 6, 30, 2};
    const auto count = static_cast<std::int64_t>(row.size());
    Values hidden = random_values(random, 9 * 12), head = random_values(random, 33 * 12);
    const Values weight = random_values(random, row.size()), d_head_before = random_values(random, 33 * 12);
    const HeadTargets targets{device.put(row), device.put(token)};
    const Tensor h = device.put(hidden, {rows, width}), w = device.put(head, {vocabulary, width});
    for (const float softcap : {0.0f, 3.0f}) {
        const auto loss = [&] {
            return dot(weight, head_logps(hidden, head, width, row, token, static_cast<double>(softcap)));
        };
        const Values d_hidden_expected = gradient(loss, hidden), d_head_expected = gradient(loss, head);
        for (const std::int64_t kept : {0, 4, 9}) {
            CAPTURE(kept);
            const Tensor logps = device.poisoned({count}), lse = device.poisoned({rows}),
                         d_hidden = device.poisoned({rows, width}),
                         d_head = device.put(d_head_before, {vocabulary, width});
            const Tensor logits = kept > 0 ? device.poisoned({kept, vocabulary}) : Tensor();
            device.backend->head_logps(logps, lse, logits, h, w, targets, softcap);
            CHECK(relative_difference(device.get(logps), head_logps(hidden, head, width, row, token,
                                                                    static_cast<double>(softcap))) < 1e-6);
            device.backend->head_logps_backward(d_hidden, d_head, logits, h, w, lse, targets,
                                                device.put(weight, {count}), softcap);
            CHECK(relative_difference(device.get(d_hidden), d_hidden_expected) < 1e-5);
            CHECK(relative_difference(device.get(d_head), plus(d_head_before, d_head_expected)) < 1e-5);
        }
    }
}

TEST_CASE("head over more rows than one chunk of logits holds") {
    std::mt19937 random(8);
    Device device(make_cpu_backend(2));
    const std::int64_t rows = 150, width = 4, vocabulary = 70000;  // a chunk has 64 rows here
    constexpr float softcap = 0;
    Values hidden = random_values(random, 150 * 4), head = random_values(random, 70000 * 4);
    std::vector<std::int32_t> row, token;
    for (std::int32_t i = 0; i < 150; ++i) {
        row.push_back(149 - i);
        token.push_back((i * 7919) % 70000);
    }
    const Values weight = random_values(random, row.size());
    const HeadTargets targets{device.put(row), device.put(token)};
    const Tensor h = device.put(hidden, {rows, width}), w = device.put(head, {vocabulary, width});
    const auto loss = [&] { return dot(weight, head_logps(hidden, head, width, row, token)); };
    for (const std::int64_t kept : {0, 100}) {
        const Tensor logps = device.poisoned({150}), lse = device.poisoned({rows}),
                     d_hidden = device.poisoned({rows, width}),
                     d_head = device.put(Values(70000 * 4, 0.0), {vocabulary, width});
        const Tensor logits = kept > 0 ? device.poisoned({kept, vocabulary}) : Tensor();
        device.backend->head_logps(logps, lse, logits, h, w, targets, softcap);
        CHECK(relative_difference(device.get(logps), head_logps(hidden, head, width, row, token)) < 1e-6);
        device.backend->head_logps_backward(d_hidden, d_head, logits, h, w, lse, targets,
                                            device.put(weight, {150}), softcap);
        const Values along_hidden = random_values(random, hidden.size()),
                     along_head = random_values(random, head.size());
        const double hidden_slope = slope(loss, hidden, along_hidden),
                     head_slope = slope(loss, head, along_head);
        CHECK(dot(device.get(d_hidden), along_hidden) == doctest::Approx(hidden_slope).epsilon(1e-4));
        CHECK(dot(device.get(d_head), along_head) == doctest::Approx(head_slope).epsilon(1e-4));
    }
}

TEST_CASE("head: log of the sum of squared probabilities, with logits kept or not") {
    std::mt19937 random(12);
    Device device(make_cpu_backend(2));
    const std::int64_t rows = 9, width = 12, vocabulary = 1033;
    const Values hidden = random_values(random, 9 * 12), head = random_values(random, 1033 * 12);
    std::vector<std::int32_t> row, token;
    for (std::int32_t i = 0; i < 9; ++i)
        for (std::int32_t v = 0; v < 1033; ++v) row.push_back(i), token.push_back(v);
    const Tensor h = device.put(hidden, {rows, width}), w = device.put(head, {vocabulary, width});
    const HeadTargets targets{device.put(std::vector<std::int32_t>{0}),
                              device.put(std::vector<std::int32_t>{5})};
    for (const float softcap : {0.0f, 3.0f}) {
        CAPTURE(softcap);
        const Values logps = head_logps(hidden, head, width, row, token, static_cast<double>(softcap));
        Values expected(9, 0.0);
        for (std::size_t r = 0; r < logps.size(); ++r)
            expected[static_cast<std::size_t>(row[r])] += std::exp(2 * logps[r]);
        for (double& value : expected) value = std::log(value);
        for (const std::int64_t kept : {0, 4, 9}) {
            const Tensor out = device.poisoned({rows}), lse = device.poisoned({rows}),
                         logp = device.poisoned({1});
            const Tensor logits = kept > 0 ? device.poisoned({kept, vocabulary}) : Tensor();
            device.backend->head_logps(logp, lse, logits, h, w, targets, softcap);
            device.backend->head_log_sum_squares(out, logits, h, w, lse, softcap);
            CHECK(relative_difference(device.get(out), expected) < 1e-6);
        }
    }
}

TEST_CASE("mix: a weighted mean in place") {
    std::mt19937 random(13);
    Device device(make_cpu_backend(2));
    const Values a = random_values(random, 10001), b = random_values(random, 10001);
    const Tensor to = device.put(a, {10001});
    device.backend->mix(to, device.put(b, {10001}), 0.25f);
    Values expected = a;
    for (std::size_t i = 0; i < a.size(); ++i) expected[i] = 0.75 * a[i] + 0.25 * b[i];
    CHECK(relative_difference(device.get(to), expected) < 1e-6);
}

TEST_CASE("sum of squares and scale") {
    std::mt19937 random(9);
    Device device(make_cpu_backend(2));
    const Values x = random_values(random, 100001);
    const Tensor tensor = device.put(x, {100001});
    CHECK(device.backend->sum_of_squares(tensor) == doctest::Approx(dot(x, x)).epsilon(1e-12));
    CHECK(device.backend->sum_of_squares(tensor.slice(0, 0)) == 0.0);
    device.backend->scale(tensor, 0.5f);
    CHECK(device.backend->sum_of_squares(tensor) == doctest::Approx(dot(x, x) / 4).epsilon(1e-12));
}

TEST_CASE("AdamW follows its double implementation for several steps") {
    std::mt19937 random(10);
    Device device(make_cpu_backend(2));
    const std::size_t size = 70001;
    const double rate = 1e-2, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, decay = 0.1, grad_scale = 0.25;
    Values p = random_values(random, size), m(size), v(size);
    const Tensor tp = device.put(p, {70001}), tm = device.put(m, {70001}), tv = device.put(v, {70001});
    for (int step = 1; step <= 6; ++step) {
        const Values grad = random_values(random, size);
        device.backend->adamw(tp, {}, device.put(grad, {70001}), tm, tv, static_cast<float>(grad_scale),
                              {static_cast<float>(rate), static_cast<float>(beta1), static_cast<float>(beta2),
                               static_cast<float>(epsilon), static_cast<float>(decay), step, 0});
        for (std::size_t i = 0; i < size; ++i) {
            const double g = grad[i] * grad_scale;
            p[i] -= rate * decay * p[i];
            m[i] = beta1 * m[i] + (1 - beta1) * g;
            v[i] = beta2 * v[i] + (1 - beta2) * g * g;
            const double m_hat = m[i] / (1 - std::pow(beta1, step)),
                         v_hat = v[i] / (1 - std::pow(beta2, step));
            p[i] -= rate * m_hat / (std::sqrt(v_hat) + epsilon);
        }
        CHECK(relative_difference(device.get(tp), p) < 1e-6);
        CHECK(relative_difference(device.get(tm), m) < 1e-6);
        CHECK(relative_difference(device.get(tv), v) <
              2e-5);  // 1 - 0.999f differs from 0.001 in the fifth digit
    }
}

TEST_CASE("the measured ceiling is a rate a processor can have") {
    Device device(make_cpu_backend(2));
    const double rate = device.backend->measure_matmul_ceiling();
    CHECK(rate > 1e8);
    CHECK(rate < 1e14);
}
