#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "core/error.h"
#include "cuda/gpu.h"
#include "reference/device.h"
#include "reference/differences.h"
#include "reference/operations_reference.h"

using namespace wishbone;
using namespace wishbone::reference;

// Inputs are numbers that bf16 holds, references are computed in double, outputs start as NaN. Tolerances are
// those of one rounding to bf16: a result that was rounded twice, or lacks a term, is outside.

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

Values plus(Values a, const Values& b) {
    for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
    return a;
}

std::vector<std::int32_t> random_tokens(std::mt19937& random, std::int64_t count, std::int32_t vocabulary) {
    std::vector<std::int32_t> tokens(at(count));
    // Half of them are one token, as padding or a very common word would be.
    for (std::int32_t& token : tokens)
        token = std::uniform_int_distribution<>(0, 1)(random) == 0
                    ? vocabulary / 2
                    : std::uniform_int_distribution<std::int32_t>(0, vocabulary - 1)(random);
    return tokens;
}

}  // namespace

TEST_CASE("cuda: memory comes and goes, uploads do not need their source, sizes are counted" *
          doctest::skip(!test_gpu())) {
    Gpu gpu;
    const std::size_t before = gpu.backend.peak_memory();
    const std::size_t bytes = std::size_t{100} << 20;
    {
        const Buffer buffer = gpu.backend.allocate(bytes);
        CHECK(reinterpret_cast<std::uintptr_t>(buffer.get()) % 256 == 0);
        CHECK(gpu.backend.peak_memory() >= bytes);
        const Tensor tensor(buffer.get(), DType::i32, {static_cast<std::int64_t>(bytes / 4)});
        // More than the pinned blocks hold together, in one call.
        std::vector<std::int32_t> source(bytes / 4), target(bytes / 4);
        std::iota(source.begin(), source.end(), 7);
        const std::vector<std::int32_t> copy = source;
        gpu.backend.upload(tensor, source.data());
        std::ranges::fill(source, -1);
        gpu.backend.download(target.data(), tensor);
        CHECK(target == copy);
        gpu.backend.zero(tensor);
        gpu.backend.download(target.data(), tensor);
        CHECK(std::ranges::all_of(target, [](std::int32_t value) { return value == 0; }));
        // Many small ones after one another.
        std::vector<Tensor> small;
        for (std::int32_t i = 0; i < 3000; ++i) {
            small.push_back(tensor.slice(i * 1000, i * 1000 + 999));
            std::vector<std::int32_t> values(999, i);
            gpu.backend.upload(small.back(), values.data());
        }
        for (std::int32_t i = 0; i < 3000; i += 499) {
            std::vector<std::int32_t> values(999);
            gpu.backend.download(values.data(), small[at(i)]);
            CHECK(values == std::vector<std::int32_t>(999, i));
        }
    }
    CHECK(gpu.backend.peak_memory() >= before);
    const Buffer none = gpu.backend.allocate(0), other = gpu.backend.allocate(0);
    CHECK(none.get() != nullptr);
    CHECK(none.get() != other.get());
    try {
        gpu.backend.allocate(std::size_t{1} << 50);
        FAIL("memory that no GPU has was allocated");
    } catch (const Error& error) {
        CHECK(error.code() == ExitCode::out_of_memory);
        CHECK(std::string(error.what()).find("free") != std::string::npos);
    }
    CHECK_THROWS_AS(gpu.backend.allocate(~std::size_t{0}), Error);
}

TEST_CASE("cuda: a backend says what it lacks" * doctest::skip(!test_gpu())) {
    CudaOptions options;
    options.cublaslt = "/nonexistent/libcublasLt.so.13";
    CHECK_THROWS_AS(make_cuda_backend(options), Error);
    options = {};
    options.device = 99;
    CHECK_THROWS_AS(make_cuda_backend(options), Error);
    const CudaInfo info = cuda_info();
    CHECK(info.devices[0].memory > 0);
    CHECK(gpu_backend().device_name() == info.devices[0].name);
}

TEST_CASE("cuda: conversions between f32 and bf16 round to nearest even" * doctest::skip(!test_gpu())) {
    std::mt19937 random(1);
    for (const std::int64_t count : {1, 7, 8, 1003}) {
        Gpu gpu;
        Values values = random_values(random, at(count));
        values[0] = 1.00390625;  // half way between two bf16
        const Tensor f32 = gpu.put_f32(values, {count}), bf16 = gpu.poisoned({count}),
                     back = gpu.poisoned({count}, DType::f32), same = gpu.poisoned({count});
        gpu.backend.copy(bf16, f32);
        CHECK(gpu.get(bf16) == to_bf16(values));
        gpu.backend.copy(back, bf16);
        CHECK(gpu.get(back) == to_bf16(values));
        gpu.backend.copy(same, bf16);
        CHECK(gpu.get(same) == to_bf16(values));
        if (count > 2) {  // addresses that are not aligned for vectors
            gpu.backend.copy(back.slice(1, count), bf16.slice(0, count - 1));
            const Values shifted = gpu.get(back), all = gpu.get(bf16);
            CHECK(std::equal(shifted.begin() + 1, shifted.end(), all.begin()));
        }
    }
}

TEST_CASE("cuda: embedding and its gradient, with repeated tokens" * doctest::skip(!test_gpu())) {
    std::mt19937 random(2);
    for (const std::int64_t count : {1, 7, 31, 32, 33, 129, 1000})
        for (const std::int64_t width : {37, 64, 1536}) {
            CAPTURE(count);
            CAPTURE(width);
            Gpu gpu;
            const std::int64_t vocabulary = count > 500 ? 211 : 19;
            const std::vector<std::int32_t> tokens =
                random_tokens(random, count, static_cast<std::int32_t>(vocabulary));
            const Values table = random_bf16(random, vocabulary * width),
                         d_out = random_bf16(random, count * width),
                         before = random_values(random, at(vocabulary * width));
            const Tensor token = gpu.put(tokens), out = gpu.poisoned({count, width});
            gpu.backend.embedding(out, gpu.put(table, {vocabulary, width}), token);
            Values expected, d_expected = before;
            for (std::int64_t t = 0; t < count; ++t)
                for (std::int64_t i = 0; i < width; ++i) {
                    const std::size_t from = at(tokens[at(t)] * width + i);
                    expected.push_back(table[from]);
                    d_expected[from] += d_out[at(t * width + i)];
                }
            CHECK(gpu.get(out) == expected);
            const Tensor d = gpu.put(d_out, {count, width}),
                         d_table = gpu.put_f32(before, {vocabulary, width}),
                         again = gpu.put_f32(before, {vocabulary, width});
            gpu.backend.embedding_backward(d_table, token, d);
            gpu.backend.embedding_backward(again, token, d);
            CHECK(relative_difference(gpu.get(d_table), d_expected) < 1e-6);
            CHECK(gpu.get(d_table) == gpu.get(again));
        }
}

TEST_CASE("cuda: add_rmsnorm and its gradient" * doctest::skip(!test_gpu())) {
    std::mt19937 random(3);
    const double eps = 1e-5;
    const RmsNorm norm{static_cast<float>(eps), 0};
    for (const std::int64_t rows : {1, 7, 129, 1000})
        for (const std::int64_t width : {5, 64, 131, 896, 2048, 3072, 4096, 8192, 12288, 40000}) {
            if (rows * width > 4'000'000) continue;
            CAPTURE(rows);
            CAPTURE(width);
            Gpu gpu;
            const std::int64_t size = rows * width;
            const Values x = random_bf16(random, size), delta = random_bf16(random, size, 2.0),
                         d_out = random_bf16(random, size), weight = random_bf16(random, width);
            const Values sum_expected = to_bf16(plus(x, delta));
            const Tensor w = gpu.put(weight, {width}), tx = gpu.put(x, {rows, width}),
                         td = gpu.put(delta, {rows, width});
            const Tensor sum = gpu.poisoned({rows, width}), out = gpu.poisoned({rows, width}),
                         inv_rms = gpu.poisoned({rows}, DType::f32);
            gpu.backend.add_rmsnorm(sum, out, inv_rms, tx, td, w, norm);
            CHECK(gpu.get(sum) == sum_expected);
            const Values normed = rmsnorm(sum_expected, weight, eps);
            CHECK(largest_error(gpu.get(out), normed, 1e-6) < bf16_rounding);

            const Tensor out_alone = gpu.poisoned({rows, width}),
                         inv_alone = gpu.poisoned({rows}, DType::f32);
            gpu.backend.add_rmsnorm({}, out_alone, inv_alone, sum, {}, w, norm);
            CHECK(gpu.get(out_alone) == gpu.get(out));
            CHECK(gpu.get(inv_alone) == gpu.get(inv_rms));
            gpu.backend.add_rmsnorm(tx, out_alone, inv_alone, tx, td, w, norm);  // in place
            CHECK(gpu.get(tx) == sum_expected);
            CHECK(gpu.get(out_alone) == gpu.get(out));

            const Values r = gpu.get(inv_rms), d_x_before = random_bf16(random, size),
                         d_w_before = random_values(random, at(width));
            Values d_x_expected = d_x_before, d_w_expected = d_w_before;
            for (std::int64_t t = 0; t < rows; ++t) {
                double squares = 0, dot = 0;
                for (std::int64_t i = 0; i < width; ++i) {
                    const std::size_t j = at(t * width + i);
                    squares += sum_expected[j] * sum_expected[j];
                    dot += weight[at(i)] * d_out[j] * sum_expected[j];
                }
                const double inverse = 1 / std::sqrt(squares / static_cast<double>(width) + eps);
                CHECK(r[at(t)] == doctest::Approx(inverse).epsilon(1e-5));
                for (std::int64_t i = 0; i < width; ++i) {
                    const std::size_t j = at(t * width + i);
                    d_x_expected[j] += inverse * weight[at(i)] * d_out[j] - sum_expected[j] * dot * inverse *
                                                                                inverse * inverse /
                                                                                static_cast<double>(width);
                    d_w_expected[at(i)] += d_out[j] * sum_expected[j] * inverse;
                }
            }
            const Tensor d = gpu.put(d_out, {rows, width}), d_x = gpu.put(d_x_before, {rows, width}),
                         d_w = gpu.put_f32(d_w_before, {width}), again = gpu.poisoned({rows, width});
            gpu.backend.rmsnorm_backward(d_x, d_w, again, d, sum, inv_rms, w, norm);
            CHECK(gpu.get(again) == gpu.get(out));
            CHECK(relative_difference(gpu.get(d_w), d_w_expected) < 2e-6);
            CHECK(largest_error(gpu.get(d_x), d_x_expected, 2e-3) < bf16_rounding);
            const Tensor d_x2 = gpu.put(d_x_before, {rows, width}), d_w2 = gpu.put_f32(d_w_before, {width});
            gpu.backend.rmsnorm_backward(d_x2, d_w2, again, d, sum, inv_rms, w, norm);
            CHECK(gpu.get(d_x2) == gpu.get(d_x));
            CHECK(gpu.get(d_w2) == gpu.get(d_w));
        }
}

TEST_CASE("cuda: linear and its gradients" * doctest::skip(!test_gpu())) {
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
        Gpu gpu;
        const Values x = random_bf16(random, rows * inputs), w = random_bf16(random, outputs * inputs),
                     d_out = random_bf16(random, rows * outputs),
                     before = random_values(random, at(outputs * inputs));
        const Tensor tx = gpu.put(x, {rows, inputs}), tw = gpu.put(w, {outputs, inputs}),
                     td = gpu.put(d_out, {rows, outputs});
        const Tensor out = gpu.poisoned({rows, outputs}), d_x = gpu.poisoned({rows, inputs}),
                     d_w = gpu.put_f32(before, {outputs, inputs});
        gpu.backend.linear(out, tx, tw);
        gpu.backend.linear_backward_input(d_x, td, tw);
        gpu.backend.linear_backward_weight(d_w, td, tx);
        Values d_x_expected(at(rows * inputs), 0.0), d_w_expected = before;
        for (std::int64_t i = 0; i < rows; ++i)
            for (std::int64_t j = 0; j < outputs; ++j)
                for (std::int64_t k = 0; k < inputs; ++k) {
                    d_x_expected[at(i * inputs + k)] += d_out[at(i * outputs + j)] * w[at(j * inputs + k)];
                    d_w_expected[at(j * inputs + k)] += d_out[at(i * outputs + j)] * x[at(i * inputs + k)];
                }
        CHECK(largest_error(gpu.get(out), linear(x, w, inputs), 1e-3) < bf16_rounding);
        CHECK(largest_error(gpu.get(d_x), d_x_expected, 1e-3) < bf16_rounding);
        CHECK(relative_difference(gpu.get(d_w), d_w_expected) < 2e-6);
        const Tensor again = gpu.poisoned({rows, outputs});
        gpu.backend.linear(again, tx, tw);
        CHECK(gpu.get(again) == gpu.get(out));
        if (rows != outputs) CHECK_THROWS(gpu.backend.linear(out, tw, tx));
    }
}

TEST_CASE("cuda: a linear layer with low-rank adapters on some of its outputs, and its gradients" *
          doctest::skip(!test_gpu())) {
    std::mt19937 random(24);
    struct Branch {
        std::int64_t first, count, rank;
        double scale;
        Values b, d_b_before;
    };
    struct Size {
        std::int64_t rows, inputs, outputs;
        std::vector<Branch> branches;
    };
    for (Size& size : std::vector<Size>{
             {1, 64, 128, {{0, 128, 8, 1.5, {}, {}}}},
             {129, 64, 192, {{64, 64, 16, 2.0, {}, {}}}},
             // Queries, keys and values; then without keys.
             {301, 256, 192, {{0, 128, 16, 2, {}, {}}, {128, 32, 8, 0.5, {}, {}}, {160, 32, 16, 1, {}, {}}}},
             {301, 256, 192, {{0, 128, 16, 2, {}, {}}, {160, 32, 16, 1, {}, {}}}},
             {1000, 104, 176, {{0, 88, 64, 0.25, {}, {}}, {88, 88, 64, 0.25, {}, {}}}},
             {1000, 104, 88, {{8, 72, 4, 1.5, {}, {}}}},
             {13, 9, 17, {{5, 7, 3, 1.5, {}, {}}}},
             {129, 36, 31, {{1, 15, 1, 1.5, {}, {}}, {17, 13, 5, -1, {}, {}}}}}) {
        const auto rows = size.rows, inputs = size.inputs, outputs = size.outputs;
        std::int64_t ranks = 0;
        for (Branch& branch : size.branches) {
            branch.b = random_bf16(random, branch.count * branch.rank);
            branch.d_b_before = random_values(random, at(branch.count * branch.rank));
            ranks += branch.rank;
        }
        CAPTURE(rows);
        CAPTURE(inputs);
        CAPTURE(ranks);
        Gpu gpu;
        const Values x = random_bf16(random, rows * inputs), w = random_bf16(random, outputs * inputs),
                     a = random_bf16(random, ranks * inputs), d_out = random_bf16(random, rows * outputs),
                     d_a_before = random_values(random, at(ranks * inputs));

        // What lies between two products is rounded to bf16.
        Values h = linear(x, a, inputs), d_h(at(rows * ranks), 0.0), out = linear(x, w, inputs),
               d_x(at(rows * inputs), 0.0), d_a = d_a_before;
        for (double& value : h) value = to_bf16(value);
        std::vector<Values> d_b;
        std::int64_t column = 0;
        for (const Branch& branch : size.branches) {
            Values& own = d_b.emplace_back(branch.d_b_before);
            for (std::int64_t i = 0; i < rows; ++i)
                for (std::int64_t r = 0; r < branch.rank; ++r) {
                    double& sum = d_h[at(i * ranks + column + r)];
                    for (std::int64_t j = 0; j < branch.count; ++j)
                        sum += d_out[at(i * outputs + branch.first + j)] * branch.b[at(j * branch.rank + r)];
                    sum = to_bf16(branch.scale * sum);
                }
            for (std::int64_t i = 0; i < rows; ++i)
                for (std::int64_t j = 0; j < branch.count; ++j) {
                    double change = 0;
                    for (std::int64_t r = 0; r < branch.rank; ++r) {
                        const double inner = h[at(i * ranks + column + r)];
                        change += inner * branch.b[at(j * branch.rank + r)];
                        own[at(j * branch.rank + r)] +=
                            branch.scale * inner * d_out[at(i * outputs + branch.first + j)];
                    }
                    out[at(i * outputs + branch.first + j)] += to_bf16(branch.scale * change);
                }
            column += branch.rank;
        }
        for (std::int64_t i = 0; i < rows; ++i)
            for (std::int64_t k = 0; k < inputs; ++k) {
                double low = 0, full = 0;
                for (std::int64_t r = 0; r < ranks; ++r) {
                    low += d_h[at(i * ranks + r)] * a[at(r * inputs + k)];
                    d_a[at(r * inputs + k)] += d_h[at(i * ranks + r)] * x[at(i * inputs + k)];
                }
                for (std::int64_t j = 0; j < outputs; ++j)
                    full += d_out[at(i * outputs + j)] * w[at(j * inputs + k)];
                d_x[at(i * inputs + k)] = to_bf16(low) + full;
            }

        LowRank adapter{gpu.put(a, {ranks, inputs}), {}},
            d_adapter{gpu.put_f32(d_a_before, {ranks, inputs}), {}};
        for (const Branch& branch : size.branches) {
            const auto scale = static_cast<float>(branch.scale);
            adapter.branches.push_back({gpu.put(branch.b, {branch.count, branch.rank}), branch.first, scale});
            d_adapter.branches.push_back(
                {gpu.put_f32(branch.d_b_before, {branch.count, branch.rank}), branch.first, scale});
        }
        const Tensor tx = gpu.put(x, {rows, inputs}), tw = gpu.put(w, {outputs, inputs}),
                     td = gpu.put(d_out, {rows, outputs}), t_out = gpu.poisoned({rows, outputs}),
                     t_d_x = gpu.poisoned({rows, inputs}), th = gpu.poisoned({rows, ranks}),
                     t_d_h = gpu.poisoned({rows, ranks});
        gpu.backend.adapted_linear(t_out, th, tx, tw, adapter);
        gpu.backend.adapted_linear_backward_input(t_d_x, t_d_h, td, tw, adapter);
        gpu.backend.low_rank_backward_weight(d_adapter, td, tx, th, t_d_h, adapter);
        // A sum just at a tie may be rounded the other way between the products, so errors are taken
        // together.
        CHECK(relative_difference(gpu.get(th), h) < 1e-4);
        CHECK(relative_difference(gpu.get(t_d_h), d_h) < 1e-4);
        CHECK(relative_difference(gpu.get(t_out), out) < bf16_rounding);
        CHECK(relative_difference(gpu.get(t_d_x), d_x) < bf16_rounding);
        CHECK(relative_difference(gpu.get(d_adapter.a), d_a) < 1e-4);
        for (std::size_t i = 0; i < d_b.size(); ++i)
            CHECK(relative_difference(gpu.get(d_adapter.branches[i].b), d_b[i]) < 1e-4);
        LowRank wrong = adapter;
        wrong.branches.back().first_output = outputs;
        CHECK_THROWS(gpu.backend.adapted_linear(t_out, th, tx, tw, wrong));
    }
}

TEST_CASE("cuda: products large enough to have their algorithm timed agree with f32" *
          doctest::skip(!test_gpu())) {
    std::mt19937 random(5);
    Device cpu(make_cpu_backend(0));
    const std::int64_t inputs = 1032, outputs = 1544;
    const Values w = random_bf16(random, outputs * inputs);
    for (const std::int64_t rows : {1601, 1590, 1601, 1664}) {  // one bucket of lengths
        CAPTURE(rows);
        Gpu gpu;
        const Values x = random_bf16(random, rows * inputs), d_out = random_bf16(random, rows * outputs),
                     before = random_values(random, at(outputs * inputs));
        const Tensor tx = gpu.put(x, {rows, inputs}), tw = gpu.put(w, {outputs, inputs}),
                     td = gpu.put(d_out, {rows, outputs});
        const Tensor out = gpu.poisoned({rows, outputs}), d_x = gpu.poisoned({rows, inputs}),
                     d_w = gpu.put_f32(before, {outputs, inputs});
        gpu.backend.linear(out, tx, tw);
        gpu.backend.linear_backward_input(d_x, td, tw);
        gpu.backend.linear_backward_weight(d_w, td, tx);
        const Tensor cx = cpu.put(x, {rows, inputs}), cw = cpu.put(w, {outputs, inputs}),
                     cd = cpu.put(d_out, {rows, outputs}), c_out = cpu.poisoned({rows, outputs}),
                     c_d_x = cpu.poisoned({rows, inputs}), c_d_w = cpu.put(before, {outputs, inputs});
        cpu.backend->linear(c_out, cx, cw);
        cpu.backend->linear_backward_input(c_d_x, cd, cw);
        cpu.backend->linear_backward_weight(c_d_w, cd, cx);
        // Numbers are about 35; near zero the rounding of the f32 sum is larger than that of the result.
        CHECK(largest_error(gpu.get(out), cpu.get(c_out), 1.0) < bf16_rounding);
        CHECK(largest_error(gpu.get(d_x), cpu.get(c_d_x), 1.0) < bf16_rounding);
        CHECK(relative_difference(gpu.get(d_w), cpu.get(c_d_w)) < 2e-6);
    }
}

TEST_CASE("cuda: rope turns and turns back" * doctest::skip(!test_gpu())) {
    std::mt19937 random(6);
    for (const std::int64_t tokens : {1, 7, 129})
        for (const AttentionShape& shape : {AttentionShape{3, 1, 10, 1.0f},
                                            {4, 2, 8, 1.0f},
                                            {6, 2, 64, 1.0f},
                                            {5, 5, 96, 1.0f},
                                            {12, 2, 128, 1.0f},
                                            {2, 1, 256, 1.0f},
                                            {1, 1, 1024, 1.0f}}) {
            CAPTURE(tokens);
            CAPTURE(shape.head_dim);
            Gpu gpu;
            const std::int64_t half = shape.head_dim / 2, heads = shape.query_heads + 2 * shape.kv_heads,
                               positions = 40;
            std::vector<std::int32_t> position;
            for (std::int64_t t = 0; t < tokens; ++t)
                position.push_back(std::uniform_int_distribution<std::int32_t>(0, positions - 1)(random));
            Values cos, sin;
            for (std::int64_t i = 0; i < positions * half; ++i) {
                cos.push_back(static_cast<double>(std::cos(static_cast<float>(i))));
                sin.push_back(static_cast<double>(std::sin(static_cast<float>(i))));
            }
            const Values qkv = random_bf16(random, tokens * heads * shape.head_dim);
            const Tensor x = gpu.put(qkv, {tokens, heads, shape.head_dim}),
                         c = gpu.put_f32(cos, {positions, half}), s = gpu.put_f32(sin, {positions, half}),
                         p = gpu.put(position);
            gpu.backend.rope(x, c, s, p, shape, false);
            const Values turned = rope(qkv, cos, sin, position, shape);
            CHECK(largest_error(gpu.get(x), turned, 1e-4) < bf16_rounding);
            const Tensor back = gpu.put(to_bf16(turned), {tokens, heads, shape.head_dim});
            gpu.backend.rope(back, c, s, p, shape, true);
            CHECK(relative_difference(gpu.get(back), qkv) < 4e-3);
            Values other_sin = sin;
            for (double& value : other_sin) value = -value;
            CHECK(largest_error(gpu.get(back), rope(to_bf16(turned), cos, other_sin, position, shape), 1e-4) <
                  bf16_rounding);
        }
}

TEST_CASE("cuda: swiglu and its gradient, also far from zero" * doctest::skip(!test_gpu())) {
    std::mt19937 random(7);
    const Activation activation = Activation::silu;
    for (const std::int64_t rows : {1, 7, 129, 1000})
        for (const std::int64_t width : {5, 21, 64, 2816}) {
            if (rows * width > 500'000) continue;
            CAPTURE(rows);
            CAPTURE(width);
            Gpu gpu;
            Values gate_up = random_bf16(random, rows * 2 * width, 3.0);
            gate_up[0] = 95, gate_up[1] = -95, gate_up[2] = 0, gate_up[3] = -88, gate_up[4] = 88;
            const Values d_out = random_bf16(random, rows * width);
            const Tensor in = gpu.put(gate_up, {rows, 2 * width}), out = gpu.poisoned({rows, width}),
                         d_in = gpu.poisoned({rows, 2 * width}), again = gpu.poisoned({rows, width}),
                         d = gpu.put(d_out, {rows, width});
            gpu.backend.glu(out, in, activation);
            gpu.backend.glu_backward(d_in, again, d, in, activation);
            Values d_expected(gate_up.size());
            for (std::int64_t t = 0; t < rows; ++t)
                for (std::int64_t i = 0; i < width; ++i) {
                    const std::size_t gate = at(t * 2 * width + i), up = gate + at(width);
                    const double s = 1 / (1 + std::exp(-gate_up[gate])), dy = d_out[at(t * width + i)];
                    d_expected[gate] = dy * gate_up[up] * s * (1 + gate_up[gate] * (1 - s));
                    d_expected[up] = dy * gate_up[gate] * s;
                }
            const Values expected = glu(gate_up, width, activation);
            CHECK(largest_error(gpu.get(out), expected, 1e-5) < bf16_rounding);
            CHECK(gpu.get(again) == gpu.get(out));
            // Where the gate's slope crosses zero its terms cancel.
            CHECK(largest_error(gpu.get(d_in), d_expected, 1e-4) < bf16_rounding);
            gpu.backend.glu_backward(in, again, d, in, activation);  // in place
            CHECK(gpu.get(in) == gpu.get(d_in));
            CHECK(gpu.get(again) == gpu.get(out));
        }
}

TEST_CASE("cuda: rows are gathered and scattered back" * doctest::skip(!test_gpu())) {
    std::mt19937 random(8);
    for (const std::int64_t all : {1, 7, 129, 1000})
        for (const std::int64_t width : {11, 64, 1000, 4096}) {
            if (all * width > 1'000'000) continue;
            Gpu gpu;
            std::vector<std::int32_t> rows;
            for (std::int32_t i = 0; i < all; ++i)
                if (all == 1 || std::uniform_int_distribution<>(0, 2)(random) == 0) rows.push_back(i);
            const auto count = static_cast<std::int64_t>(rows.size());
            const Values x = random_bf16(random, all * width), add = random_bf16(random, count * width);
            const Tensor row = gpu.put(rows), from = gpu.put(x, {all, width}),
                         out = gpu.poisoned({count, width});
            gpu.backend.gather_rows(out, from, row);
            gpu.backend.scatter_add_rows(from, gpu.put(add, {count, width}), row);
            Values gathered, scattered = x;
            for (std::int64_t i = 0; i < count; ++i)
                for (std::int64_t j = 0; j < width; ++j) {
                    const std::size_t place = at(rows[at(i)] * width + j);
                    gathered.push_back(x[place]);
                    scattered[place] = to_bf16(scattered[place] + add[at(i * width + j)]);
                }
            CHECK(gpu.get(out) == gathered);
            CHECK(gpu.get(from) == scattered);
        }
}

TEST_CASE("cuda: head: several targets a row, logits kept, kept in part and computed again" *
          doctest::skip(!test_gpu())) {
    std::mt19937 random(9);
    for (const std::int64_t vocabulary : {33, 1000, 5003})
        for (const std::int64_t rows : {1, 9, 130}) {
            CAPTURE(vocabulary);
            CAPTURE(rows);
            const std::int64_t width = 64;
            // Most rows have one target; the first has many, some of the same token.
            std::vector<std::int32_t> row, token;
            const auto any_token = [&] {
                return std::uniform_int_distribution<std::int32_t>(
                    0, static_cast<std::int32_t>(vocabulary) - 1)(random);
            };
            for (std::int32_t i = 0; i < rows; ++i) {
                row.push_back(i);
                token.push_back(i == 0 ? static_cast<std::int32_t>(vocabulary) - 1 : any_token());
            }
            for (int i = 0; i < 20; ++i) {
                row.push_back(i % 2 == 0 ? 0
                                         : std::uniform_int_distribution<std::int32_t>(
                                               0, static_cast<std::int32_t>(rows) - 1)(random));
                token.push_back(i % 4 == 0 ? token[0] : any_token());
            }
            const auto count = static_cast<std::int64_t>(row.size());
            const Values hidden = random_bf16(random, rows * width),
                         head = random_bf16(random, vocabulary * width, 0.2),
                         weight = random_values(random, row.size()),
                         d_head_before = random_values(random, at(vocabulary * width));

            // Everything follows from logits that were rounded once.
            const Values logits = to_bf16(linear(hidden, head, width));
            Values logps_expected, d_logits(logits.size(), 0.0), lse(at(rows));
            for (std::int64_t i = 0; i < rows; ++i) {
                double sum = 0;
                for (std::int64_t j = 0; j < vocabulary; ++j) sum += std::exp(logits[at(i * vocabulary + j)]);
                lse[at(i)] = std::log(sum);
            }
            for (std::size_t r = 0; r < row.size(); ++r) {
                const std::int64_t begin = row[r] * vocabulary;
                logps_expected.push_back(logits[at(begin + token[r])] - lse[at(row[r])]);
                for (std::int64_t j = 0; j < vocabulary; ++j)
                    d_logits[at(begin + j)] -= weight[r] * std::exp(logits[at(begin + j)] - lse[at(row[r])]);
                d_logits[at(begin + token[r])] += weight[r];
            }
            Values d_hidden_expected(hidden.size(), 0.0), d_head_expected = d_head_before;
            for (std::int64_t i = 0; i < rows; ++i)
                for (std::int64_t j = 0; j < vocabulary; ++j)
                    for (std::int64_t k = 0; k < width; ++k) {
                        const double d = d_logits[at(i * vocabulary + j)];
                        d_hidden_expected[at(i * width + k)] += d * head[at(j * width + k)];
                        d_head_expected[at(j * width + k)] += d * hidden[at(i * width + k)];
                    }
            for (const std::int64_t kept : {std::int64_t{0}, rows / 2, rows}) {
                CAPTURE(kept);
                Gpu gpu;
                const HeadTargets targets{gpu.put(row), gpu.put(token)};
                const Tensor h = gpu.put(hidden, {rows, width}), w = gpu.put(head, {vocabulary, width});
                const Tensor logps = gpu.poisoned({count}, DType::f32),
                             normaliser = gpu.poisoned({rows}, DType::f32),
                             d_hidden = gpu.poisoned({rows, width}),
                             d_head = gpu.put_f32(d_head_before, {vocabulary, width});
                const Tensor kept_logits = kept > 0 ? gpu.poisoned({kept, vocabulary}) : Tensor();
                gpu.backend.head_logps(logps, normaliser, kept_logits, h, w, targets, 0);
                // A product that lies half way between two bf16 may be rounded the other way.
                CHECK(largest_error(gpu.get(logps), logps_expected, 1.0) < 4e-3);
                CHECK(relative_difference(gpu.get(logps), logps_expected) < 1e-4);
                CHECK(largest_error(gpu.get(normaliser), lse, 1.0) < 1e-4);
                gpu.backend.head_logps_backward(d_hidden, d_head, kept_logits, h, w, normaliser, targets,
                                                gpu.put_f32(weight, {count}), 0);
                CHECK(relative_difference(gpu.get(d_hidden), d_hidden_expected) < 3e-3);
                Values change = gpu.get(d_head), expected_change = d_head_expected;
                for (std::size_t i = 0; i < change.size(); ++i) {
                    change[i] -= d_head_before[i];
                    expected_change[i] -= d_head_before[i];
                }
                CHECK(relative_difference(change, expected_change) < 3e-3);
            }
        }
}

TEST_CASE("cuda: head over more rows than one chunk of logits holds" * doctest::skip(!test_gpu())) {
    std::mt19937 random(10);
    Device cpu(make_cpu_backend(0));
    const std::int64_t rows = 300, width = 16, vocabulary = 1'000'003;  // a chunk has 256 rows here
    const Values hidden = random_bf16(random, rows * width),
                 head = random_bf16(random, vocabulary * width, 0.5);
    std::vector<std::int32_t> row, token;
    for (std::int32_t i = 0; i < rows; ++i) {
        row.push_back(static_cast<std::int32_t>(rows) - 1 - i);
        token.push_back(static_cast<std::int32_t>((i * std::int64_t{7919 * 613}) % vocabulary));
    }
    const Values weight = random_values(random, row.size());
    const Tensor ch = cpu.put(hidden, {rows, width}), cw = cpu.put(head, {vocabulary, width}),
                 c_logps = cpu.poisoned({rows}), c_lse = cpu.poisoned({rows}),
                 c_d_hidden = cpu.poisoned({rows, width}),
                 c_d_head = cpu.put(Values(head.size(), 0.0), {vocabulary, width});
    const HeadTargets c_targets{cpu.put(row), cpu.put(token)};
    cpu.backend->head_logps(c_logps, c_lse, {}, ch, cw, c_targets, 0);
    cpu.backend->head_logps_backward(c_d_hidden, c_d_head, {}, ch, cw, c_lse, c_targets,
                                     cpu.put(weight, {rows}), 0);
    for (const std::int64_t kept : {0, 100, 150}) {
        CAPTURE(kept);
        Gpu gpu;
        const HeadTargets targets{gpu.put(row), gpu.put(token)};
        const Tensor h = gpu.put(hidden, {rows, width}), w = gpu.put(head, {vocabulary, width}),
                     logps = gpu.poisoned({rows}, DType::f32), lse = gpu.poisoned({rows}, DType::f32),
                     d_hidden = gpu.poisoned({rows, width}),
                     d_head = gpu.put_f32(Values(head.size(), 0.0), {vocabulary, width});
        const Tensor kept_logits = kept > 0 ? gpu.poisoned({kept, vocabulary}) : Tensor();
        gpu.backend.head_logps(logps, lse, kept_logits, h, w, targets, 0);
        CHECK(relative_difference(gpu.get(logps), cpu.get(c_logps)) < 1e-3);
        CHECK(relative_difference(gpu.get(lse), cpu.get(c_lse)) < 1e-4);
        gpu.backend.head_logps_backward(d_hidden, d_head, kept_logits, h, w, lse, targets,
                                        gpu.put_f32(weight, {rows}), 0);
        CHECK(relative_difference(gpu.get(d_hidden), cpu.get(c_d_hidden)) < 6e-3);
        CHECK(relative_difference(gpu.get(d_head), cpu.get(c_d_head)) < 6e-3);
    }
}

TEST_CASE("cuda: head: log of the sum of squared probabilities, with logits kept or not" *
          doctest::skip(!test_gpu())) {
    std::mt19937 random(14);
    for (const auto& [vocabulary, softcap] :
         {std::pair{std::int64_t{33}, 0.0f}, std::pair{std::int64_t{5003}, 0.0f},
          std::pair{std::int64_t{5003}, 3.0f}}) {
        CAPTURE(vocabulary);
        CAPTURE(softcap);
        const std::int64_t rows = 130, width = 64;
        const Values hidden = random_bf16(random, rows * width),
                     head = random_bf16(random, vocabulary * width, 0.2);
        const Values logits = to_bf16(linear(hidden, head, width));
        Values expected;
        for (std::int64_t i = 0; i < rows; ++i) {
            double sum = 0, squares = 0;
            for (std::int64_t j = 0; j < vocabulary; ++j) {
                const double z = logits[at(i * vocabulary + j)], cap = static_cast<double>(softcap);
                const double e = std::exp(cap > 0 ? cap * std::tanh(z / cap) : z);
                sum += e;
                squares += e * e;
            }
            expected.push_back(std::log(squares) - 2 * std::log(sum));
        }
        for (const std::int64_t kept : {std::int64_t{0}, rows / 2, rows}) {
            CAPTURE(kept);
            Gpu gpu;
            const HeadTargets targets{gpu.put(std::vector<std::int32_t>{0}),
                                      gpu.put(std::vector<std::int32_t>{5})};
            const Tensor h = gpu.put(hidden, {rows, width}), w = gpu.put(head, {vocabulary, width});
            const Tensor out = gpu.poisoned({rows}, DType::f32), lse = gpu.poisoned({rows}, DType::f32),
                         logp = gpu.poisoned({1}, DType::f32);
            const Tensor kept_logits = kept > 0 ? gpu.poisoned({kept, vocabulary}) : Tensor();
            gpu.backend.head_logps(logp, lse, kept_logits, h, w, targets, softcap);
            gpu.backend.head_log_sum_squares(out, kept_logits, h, w, lse, softcap);
            CHECK(largest_error(gpu.get(out), expected, 1.0) < 4e-3);
        }
    }
}

TEST_CASE("cuda: mix: a weighted mean in place, in f32 and bf16" * doctest::skip(!test_gpu())) {
    std::mt19937 random(15);
    Gpu gpu;
    const Values a = random_bf16(random, 100001), b = random_values(random, 100001);
    Values expected = a;
    for (std::size_t i = 0; i < a.size(); ++i) expected[i] = 0.75 * a[i] + 0.25 * b[i];
    const Tensor from = gpu.put_f32(b, {100001}), single = gpu.put_f32(a, {100001}),
                 half = gpu.put(a, {100001});
    gpu.backend.mix(single, from, 0.25f);
    gpu.backend.mix(half, from, 0.25f);
    CHECK(relative_difference(gpu.get(single), expected) < 1e-6);
    CHECK(largest_error(gpu.get(half), expected, 1e-30) < bf16_rounding);
}

TEST_CASE("cuda: sum of squares and scale" * doctest::skip(!test_gpu())) {
    std::mt19937 random(11);
    Gpu gpu;
    for (const std::int64_t count : {1, 7, 1000, 100001, 3'000'000}) {
        CAPTURE(count);
        const Values x = random_values(random, at(count));
        const Tensor tensor = gpu.put_f32(x, {count});
        CHECK(gpu.backend.sum_of_squares(tensor) == doctest::Approx(dot(x, x)).epsilon(1e-12));
        CHECK(gpu.backend.sum_of_squares(tensor) == gpu.backend.sum_of_squares(tensor));
        CHECK(gpu.backend.sum_of_squares(tensor.slice(0, 0)) == 0.0);
        if (count > 1) {
            const Values rest(x.begin() + 1, x.end());
            CHECK(gpu.backend.sum_of_squares(tensor.slice(1, count)) ==
                  doctest::Approx(dot(rest, rest)).epsilon(1e-12));
        }
        gpu.backend.scale(tensor, 0.5f);
        Values half = x;
        for (double& value : half) value /= 2;
        CHECK(gpu.get(tensor) == half);
        if (count > 1) {
            gpu.backend.scale(tensor.slice(1, count), 2.0f);
            half = x;
            half[0] /= 2;
            CHECK(gpu.get(tensor) == half);
        }
    }
}

TEST_CASE("cuda: AdamW follows its double implementation for several steps" * doctest::skip(!test_gpu())) {
    std::mt19937 random(12);
    const double rate = 1e-2, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, decay = 0.1, grad_scale = 0.25;
    for (const std::int64_t size : {1, 7, 70001})
        for (const bool copied : {true, false}) {
            CAPTURE(size);
            CAPTURE(copied);
            Gpu gpu;
            Values p = random_values(random, at(size)), m(at(size)), v(at(size));
            const Tensor exact = gpu.put_f32(p, {size}), rounded = gpu.poisoned({size}),
                         tm = gpu.put_f32(m, {size}), tv = gpu.put_f32(v, {size});
            for (int step = 1; step <= 6; ++step) {
                const Values grad = random_values(random, at(size));
                gpu.backend.adamw(
                    copied ? rounded : exact, copied ? exact : Tensor(), gpu.put_f32(grad, {size}), tm, tv,
                    static_cast<float>(grad_scale),
                    {static_cast<float>(rate), static_cast<float>(beta1), static_cast<float>(beta2),
                     static_cast<float>(epsilon), static_cast<float>(decay), step, 0});
                for (std::size_t i = 0; i < p.size(); ++i) {
                    const double g = grad[i] * grad_scale;
                    p[i] -= rate * decay * p[i];
                    m[i] = beta1 * m[i] + (1 - beta1) * g;
                    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
                    const double m_hat = m[i] / (1 - std::pow(beta1, step)),
                                 v_hat = v[i] / (1 - std::pow(beta2, step));
                    p[i] -= rate * m_hat / (std::sqrt(v_hat) + epsilon);
                }
                CHECK(relative_difference(gpu.get(exact), p) < 1e-6);
                CHECK(relative_difference(gpu.get(tm), m) < 1e-6);
                CHECK(relative_difference(gpu.get(tv), v) < 2e-5);  // 1 - 0.999f differs from 0.001
                if (copied) CHECK(gpu.get(rounded) == to_bf16(gpu.get(exact)));
            }
        }
}

TEST_CASE("cuda: bf16 moments are rounded without bias, and the same way again" *
          doctest::skip(!test_gpu())) {
    const std::int64_t size = 100003;
    const double grad = 0.7312345;
    const float beta1 = 0.9f, beta2 = 0.95f;
    std::mt19937 random(13);
    const Values p = random_values(random, at(size)), grads(at(size), grad), zeros(at(size), 0.0);
    const auto run = [&](std::int64_t begin, std::int64_t step) {
        Gpu gpu;
        const Tensor exact = gpu.put_f32(p, {size}), rounded = gpu.poisoned({size}),
                     m = gpu.put(zeros, {size}), v = gpu.put(zeros, {size}), g = gpu.put_f32(grads, {size});
        // In two parts: what an element is rounded to does not depend on how the parameters are cut.
        for (const auto& [from, to] : {std::pair<std::int64_t, std::int64_t>{0, begin}, {begin, size}})
            gpu.backend.adamw(rounded.slice(from, to), exact.slice(from, to), g.slice(from, to),
                              m.slice(from, to), v.slice(from, to), 1.0f,
                              {1e-3f, beta1, beta2, 1e-8f, 0.0f, step, 5'000'000'000 + from});
        return std::vector<Values>{gpu.get(m), gpu.get(v), gpu.get(exact)};
    };
    const std::vector<Values> result = run(0, 3);
    CHECK(run(1003, 3) == result);
    CHECK(run(0, 3) == result);
    CHECK(run(0, 4)[0] != result[0]);
    const double one_minus1 = 1.0 - static_cast<double>(beta1), one_minus2 = 1.0 - static_cast<double>(beta2);
    const std::pair<const Values&, double> moments[] = {{result[0], one_minus1 * grad},
                                                        {result[1], one_minus2 * grad * grad}};
    for (const auto& [values, expected] : moments) {
        const auto [least, most] = std::ranges::minmax_element(values);
        CHECK(*least < expected);
        CHECK(*most > expected);
        CHECK(*most - *least == doctest::Approx(std::exp2(std::floor(std::log2(expected)) - 7)));
        const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(size);
        // Five standard errors of a mean of numbers that are one of two.
        CHECK(std::abs(mean - expected) < 5 * 0.5 * (*most - *least) / std::sqrt(static_cast<double>(size)));
    }
}

// What families beside Llama need, against the CPU backend on the same numbers.

TEST_CASE("cuda: norms with an offset" * doctest::skip(!test_gpu())) {
    std::mt19937 random(61);
    const RmsNorm norm{1e-5f, 1};
    for (const std::int64_t width : {37, 256, 2304}) {
        CAPTURE(width);
        Gpu gpu;
        Device cpu(make_cpu_backend(2));
        const std::int64_t rows = 67;
        const Values x = random_bf16(random, rows * width), weight = random_bf16(random, width, 0.3),
                     d_out = random_bf16(random, rows * width), before = random_bf16(random, rows * width);
        const auto run = [&](auto& device, Tensor tx, Tensor w, Tensor d, Tensor d_x, Tensor d_w, Tensor out,
                             Tensor inv_rms, Tensor again) {
            device.add_rmsnorm({}, out, inv_rms, tx, {}, w, norm);
            device.rmsnorm_backward(d_x, d_w, again, d, tx, inv_rms, w, norm);
        };
        const Tensor out = gpu.poisoned({rows, width}), d_x = gpu.put(before, {rows, width}),
                     d_w = gpu.put_f32(Values(at(width), 0.0), {width}), again = gpu.poisoned({rows, width});
        run(gpu.backend, gpu.put(x, {rows, width}), gpu.put(weight, {width}), gpu.put(d_out, {rows, width}),
            d_x, d_w, out, gpu.poisoned({rows}, DType::f32), again);
        const Tensor c_out = cpu.poisoned({rows, width}), c_d_x = cpu.put(before, {rows, width}),
                     c_d_w = cpu.put(Values(at(width), 0.0), {width});
        run(*cpu.backend, cpu.put(x, {rows, width}), cpu.put(weight, {width}), cpu.put(d_out, {rows, width}),
            c_d_x, c_d_w, c_out, cpu.poisoned({rows}), cpu.poisoned({rows, width}));
        CHECK(largest_error(gpu.get(out), cpu.get(c_out), 1e-5) < bf16_rounding);
        CHECK(gpu.get(again) == gpu.get(out));
        CHECK(largest_error(gpu.get(d_x), cpu.get(c_d_x), 2e-3) < bf16_rounding);
        CHECK(relative_difference(gpu.get(d_w), cpu.get(c_d_w)) < 1e-5);
    }
}

TEST_CASE("cuda: sums, biases and scaled activations" * doctest::skip(!test_gpu())) {
    std::mt19937 random(62);
    for (const std::int64_t rows : {1, 9, 1000})
        for (const std::int64_t width : {5, 64, 1536}) {
            CAPTURE(rows);
            CAPTURE(width);
            Gpu gpu;
            const Values x = random_bf16(random, rows * width), y = random_bf16(random, rows * width),
                         bias = random_bf16(random, width), before = random_values(random, at(width));
            Values biased = x, scaled = x, d_expected = before;
            for (std::size_t i = 0; i < x.size(); ++i) {
                biased[i] += bias[i % at(width)];
                scaled[i] *= 7.5;
                d_expected[i % at(width)] += y[i];
            }
            const Tensor tx = gpu.put(x, {rows, width}), ty = gpu.put(y, {rows, width}),
                         sum = gpu.poisoned({rows, width}), d_bias = gpu.put_f32(before, {width});
            gpu.backend.add(sum, tx, ty);
            CHECK(gpu.get(sum) == to_bf16(plus(x, y)));
            gpu.backend.add(sum, sum, ty);  // in place
            CHECK(gpu.get(sum) == to_bf16(plus(to_bf16(plus(x, y)), y)));
            gpu.backend.bias_backward(d_bias, ty);
            CHECK(relative_difference(gpu.get(d_bias), d_expected) < 2e-6);
            gpu.backend.add_bias(tx, gpu.put(bias, {width}));
            CHECK(gpu.get(tx) == to_bf16(biased));
            const Tensor again = gpu.put(x, {rows, width});
            gpu.backend.scale(again, 7.5f);
            CHECK(gpu.get(again) == to_bf16(scaled));
        }
}

TEST_CASE("cuda: norms of queries and keys and their gradients" * doctest::skip(!test_gpu())) {
    std::mt19937 random(63);
    for (const std::int64_t dim : {16, 128, 256})
        for (const bool together : {false, true})
            for (const std::int64_t tokens : {1, 9, 700}) {
                CAPTURE(dim);
                CAPTURE(together);
                CAPTURE(tokens);
                Gpu gpu;
                Device cpu(make_cpu_backend(2));
                const AttentionShape shape{4, 2, dim, 1.0f};
                const RmsNorm norm{1e-5f, together ? 0.0f : 1.0f};
                const std::int64_t heads = 8, size = tokens * heads * dim, q_size = together ? 4 * dim : dim,
                                   k_size = together ? 2 * dim : dim;
                const Values qkv = random_bf16(random, size), d_out = random_bf16(random, size),
                             query = random_bf16(random, q_size, 0.5), key = random_bf16(random, k_size, 0.5),
                             d_q_before = random_values(random, at(q_size)),
                             d_k_before = random_values(random, at(k_size));
                const Tensor out = gpu.poisoned({tokens, heads, dim}),
                             in = gpu.put(qkv, {tokens, heads, dim}), q = gpu.put(query, {q_size}),
                             k = gpu.put(key, {k_size}), d = gpu.put(d_out, {tokens, heads, dim}),
                             d_q = gpu.put_f32(d_q_before, {q_size}), d_k = gpu.put_f32(d_k_before, {k_size});
                gpu.backend.qk_norm(out, in, q, k, shape, norm);
                gpu.backend.qk_norm_backward(d, d_q, d_k, in, q, k, shape, norm);
                const Tensor c_out = cpu.poisoned({tokens, heads, dim}),
                             c_in = cpu.put(qkv, {tokens, heads, dim}), c_q = cpu.put(query, {q_size}),
                             c_k = cpu.put(key, {k_size}), c_d = cpu.put(d_out, {tokens, heads, dim}),
                             c_d_q = cpu.put(d_q_before, {q_size}), c_d_k = cpu.put(d_k_before, {k_size});
                cpu.backend->qk_norm(c_out, c_in, c_q, c_k, shape, norm);
                cpu.backend->qk_norm_backward(c_d, c_d_q, c_d_k, c_in, c_q, c_k, shape, norm);
                CHECK(largest_error(gpu.get(out), cpu.get(c_out), 1e-5) < bf16_rounding);
                CHECK(largest_error(gpu.get(d), cpu.get(c_d), 2e-3) < bf16_rounding);
                CHECK(relative_difference(gpu.get(d_q), cpu.get(c_d_q)) < 1e-5);
                CHECK(relative_difference(gpu.get(d_k), cpu.get(c_d_k)) < 1e-5);
            }
}

TEST_CASE("cuda: rope turns a part of the head" * doctest::skip(!test_gpu())) {
    std::mt19937 random(64);
    const std::vector<std::int32_t> position{0, 3, 1, 7};
    for (const std::int64_t dim : {10, 96, 128})
        for (const std::int64_t rotated : {std::int64_t{6}, dim / 16 * 8}) {
            if (rotated == 0 || rotated > dim) continue;
            CAPTURE(dim);
            CAPTURE(rotated);
            Gpu gpu;
            const AttentionShape shape{2, 1, dim, 1.0f};
            const Values cos = random_bf16(random, 8 * rotated / 2),
                         sin = random_bf16(random, 8 * rotated / 2), qkv = random_bf16(random, 4 * 4 * dim);
            const Tensor x = gpu.put(qkv, {4, 4, dim});
            gpu.backend.rope(x, gpu.put_f32(cos, {8, rotated / 2}), gpu.put_f32(sin, {8, rotated / 2}),
                             gpu.put(position), shape, false);
            CHECK(largest_error(gpu.get(x), rope(qkv, cos, sin, position, shape, rotated), 1e-3) <
                  bf16_rounding);
        }
}

TEST_CASE("cuda: geglu and its gradient, also far from zero" * doctest::skip(!test_gpu())) {
    std::mt19937 random(65);
    for (const std::int64_t width : {21, 64, 2816}) {
        CAPTURE(width);
        Gpu gpu;
        Device cpu(make_cpu_backend(2));
        const std::int64_t rows = 33;
        Values gate_up = random_bf16(random, rows * 2 * width, 2.0);
        gate_up[0] = 95, gate_up[1] = -95, gate_up[2] = 0, gate_up[3] = -88, gate_up[4] = 88;
        const Values d_out = random_bf16(random, rows * width);
        const Tensor in = gpu.put(gate_up, {rows, 2 * width}), out = gpu.poisoned({rows, width}),
                     d_in = gpu.poisoned({rows, 2 * width}), again = gpu.poisoned({rows, width});
        gpu.backend.glu(out, in, Activation::gelu_tanh);
        gpu.backend.glu_backward(d_in, again, gpu.put(d_out, {rows, width}), in, Activation::gelu_tanh);
        const Tensor c_in = cpu.put(gate_up, {rows, 2 * width}), c_out = cpu.poisoned({rows, width}),
                     c_d_in = cpu.poisoned({rows, 2 * width});
        cpu.backend->glu_backward(c_d_in, c_out, cpu.put(d_out, {rows, width}), c_in, Activation::gelu_tanh);
        CHECK(largest_error(gpu.get(out), cpu.get(c_out), 1e-4) < bf16_rounding);
        CHECK(gpu.get(again) == gpu.get(out));
        CHECK(largest_error(gpu.get(d_in), cpu.get(c_d_in), 1e-3) < bf16_rounding);
    }
}

TEST_CASE("cuda: head with capped logits" * doctest::skip(!test_gpu())) {
    std::mt19937 random(66);
    const std::int64_t rows = 70, width = 64, vocabulary = 1003;
    const Values hidden = random_bf16(random, rows * width),
                 head = random_bf16(random, vocabulary * width, 0.2);
    std::vector<std::int32_t> row, token;
    for (std::int32_t i = 0; i < 90; ++i) {
        row.push_back(i * 7 % 70);
        token.push_back(i % 3 == 0 ? 5 : i * 37 % 1003);
    }
    const Values weight = random_values(random, row.size()),
                 before = random_values(random, at(vocabulary * width));
    Device cpu(make_cpu_backend(2));
    const HeadTargets c_targets{cpu.put(row), cpu.put(token)};
    const Tensor ch = cpu.put(hidden, {rows, width}), cw = cpu.put(head, {vocabulary, width}),
                 c_logps = cpu.poisoned({90}), c_lse = cpu.poisoned({rows}),
                 c_d = cpu.poisoned({rows, width}), c_d_head = cpu.put(before, {vocabulary, width});
    cpu.backend->head_logps(c_logps, c_lse, {}, ch, cw, c_targets, 2.0f);
    cpu.backend->head_logps_backward(c_d, c_d_head, {}, ch, cw, c_lse, c_targets, cpu.put(weight, {90}),
                                     2.0f);
    for (const std::int64_t kept : {0, 35, 70}) {
        CAPTURE(kept);
        Gpu gpu;
        const HeadTargets targets{gpu.put(row), gpu.put(token)};
        const Tensor h = gpu.put(hidden, {rows, width}), w = gpu.put(head, {vocabulary, width}),
                     logps = gpu.poisoned({90}, DType::f32), lse = gpu.poisoned({rows}, DType::f32),
                     d = gpu.poisoned({rows, width}), d_head = gpu.put_f32(before, {vocabulary, width});
        const Tensor logits = kept > 0 ? gpu.poisoned({kept, vocabulary}) : Tensor();
        gpu.backend.head_logps(logps, lse, logits, h, w, targets, 2.0f);
        CHECK(largest_error(gpu.get(logps), cpu.get(c_logps), 1.0) < 4e-3);
        CHECK(largest_error(gpu.get(lse), cpu.get(c_lse), 1.0) < 1e-3);
        gpu.backend.head_logps_backward(d, d_head, logits, h, w, lse, targets, gpu.put_f32(weight, {90}),
                                        2.0f);
        CHECK(relative_difference(gpu.get(d), cpu.get(c_d)) < 6e-3);
        CHECK(relative_difference(gpu.get(d_head), cpu.get(c_d_head)) < 6e-3);
    }
}

TEST_CASE("cuda: operations on nothing do nothing" * doctest::skip(!test_gpu())) {
    Gpu gpu;
    const std::vector<std::int32_t> none;
    const Tensor empty = gpu.put({}, {0, 64}), rows = gpu.put(none), stat = gpu.put_f32({}, {0}),
                 w = gpu.put(Values(64, 1.0), {64}), table = gpu.put(Values(640, 1.0), {10, 64}),
                 d_w = gpu.put_f32(Values(64, 3.0), {64}), d_table = gpu.put_f32(Values(640, 3.0), {10, 64});
    gpu.backend.embedding(empty, table, rows);
    gpu.backend.embedding_backward(d_table, rows, empty);
    gpu.backend.add_rmsnorm({}, empty, stat, empty, {}, w, {1e-5f, 0});
    gpu.backend.rmsnorm_backward(empty, d_w, empty, empty, empty, stat, w, {1e-5f, 0});
    gpu.backend.linear_backward_weight(d_table, gpu.put({}, {0, 10}), empty);
    gpu.backend.gather_rows(empty, table, rows);
    gpu.backend.scatter_add_rows(table, empty, rows);
    CHECK(gpu.get(d_w) == Values(64, 3.0));
    CHECK(gpu.get(d_table) == Values(640, 3.0));
}

TEST_CASE("cuda: the measured ceiling is a rate a GPU can have" * doctest::skip(!test_gpu())) {
    const double rate = gpu_backend().measure_matmul_ceiling();
    MESSAGE("matrix products: ", rate * 1e-12, " TFLOP/s");
    CHECK(rate > 1e13);
    CHECK(rate < 1e16);
}
