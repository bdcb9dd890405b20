#include <cmath>
#include <random>
#include <utility>

#include "conformance/test_device.h"
#include "reference/backward_reference.h"

using namespace wishbone;
using namespace wishbone::conformance;

// On the CPU, where references take longest, the largest sizes are left out: they are there for the kernels
// of a GPU.
namespace {

std::int64_t most_elements(const Target& target) { return target.name == "cpu" ? 300'000 : 4'000'000; }

}  // namespace

BACKEND_TEST("add_rmsnorm and its gradient") {
    std::mt19937 random(3);
    const double eps = 1e-5;
    for (const double offset : {0.0, 1.0})
        for (const std::int64_t rows : {1, 7, 71, 129, 1000})
            for (const std::int64_t width :
                 {5, 37, 64, 131, 256, 896, 2048, 2304, 3072, 4096, 8192, 12288, 40000}) {
                if (rows * width > most_elements(target)) continue;
                if (offset != 0 && rows != 71) continue;
                CAPTURE(rows);
                CAPTURE(width);
                CAPTURE(offset);
                TestDevice device(target);
                const RmsNorm norm{static_cast<float>(eps), static_cast<float>(offset)};
                const std::int64_t size = rows * width;
                const Values x = device.random(random, size), delta = device.random(random, size, 2.0),
                             d_out = device.random(random, size),
                             weight = device.random(random, width, offset == 0 ? 1.0 : 0.3);
                const Values sum_expected = device.rounded(plus(x, delta));
                const Tensor w = device.put(weight, {width}), tx = device.put(x, {rows, width}),
                             td = device.put(delta, {rows, width});
                const Tensor sum = device.poisoned({rows, width}), out = device.poisoned({rows, width}),
                             inv_rms = device.poisoned_f32({rows});
                device.backend.add_rmsnorm(sum, out, inv_rms, tx, td, w, norm);
                CHECK(device.get(sum) == sum_expected);
                const Values normed = reference::rmsnorm(sum_expected, weight, eps, offset);
                CHECK(device.off(out, normed, rounded_once(1e-6, offset == 0 ? 1e-6 : 1e-5)) < 1);

                const Tensor out_alone = device.poisoned({rows, width}),
                             inv_alone = device.poisoned_f32({rows});
                device.backend.add_rmsnorm({}, out_alone, inv_alone, sum, {}, w, norm);
                CHECK(device.get(out_alone) == device.get(out));
                CHECK(device.get(inv_alone) == device.get(inv_rms));
                device.backend.add_rmsnorm(tx, out_alone, inv_alone, tx, td, w, norm);  // in place
                CHECK(device.get(tx) == sum_expected);
                CHECK(device.get(out_alone) == device.get(out));

                Values inverse;
                for (std::int64_t t = 0; t < rows; ++t) {
                    double squares = 0;
                    for (std::int64_t i = 0; i < width; ++i)
                        squares += sum_expected[at(t * width + i)] * sum_expected[at(t * width + i)];
                    inverse.push_back(1 / std::sqrt(squares / static_cast<double>(width) + eps));
                }
                CHECK(reference::largest_error(device.get(inv_rms), inverse, 0) < 1e-5);

                const reference::NormGradient expected =
                    reference::rmsnorm_backward(d_out, sum_expected, weight, eps, offset);
                const Values d_x_before = device.random(random, size),
                             d_w_before = reference::random_values(random, at(width));
                const Values d_x_expected = plus(d_x_before, expected.x),
                             d_w_expected = plus(d_w_before, expected.weight);
                const Tensor d = device.put(d_out, {rows, width}), again = device.poisoned({rows, width});
                const auto backward = [&](bool with_weight) {
                    const Tensor d_x = device.put(d_x_before, {rows, width}),
                                 d_w = with_weight ? device.put_f32(d_w_before, {width}) : Tensor();
                    device.backend.rmsnorm_backward(d_x, d_w, again, d, sum, inv_rms, w, norm);
                    return std::pair{device.get(d_x), with_weight ? device.get(d_w) : Values()};
                };
                const auto [d_x, d_w] = backward(true);
                CHECK(device.off(again, device.get(out), {1e-6, 1e-30}) < 1);
                CHECK(device.off(d_w, d_w_expected, {1e-5, 2e-6}) < 1);
                CHECK(device.off(d_x, d_x_expected, rounded_once(1e-5, 2e-3)) < 1);
                CHECK(backward(true) == std::pair{d_x, d_w});
                CHECK(backward(false).first == d_x);  // a frozen weight
            }
}

BACKEND_TEST("norms of queries and keys and their gradients") {
    std::mt19937 random(63);
    for (const std::int64_t dim : {6, 16, 128, 256})
        for (const bool together : {false, true})
            for (const std::int64_t tokens : {1, 9, 700}) {
                const std::int64_t heads = 8, size = tokens * heads * dim;
                if (size > most_elements(target)) continue;
                CAPTURE(dim);
                CAPTURE(together);
                CAPTURE(tokens);
                TestDevice device(target);
                const AttentionShape shape{4, 2, dim, 1.0f};
                const double offset = together ? 0 : 1, eps = 1e-5;
                const RmsNorm norm{static_cast<float>(eps), static_cast<float>(offset)};
                const std::int64_t q_size = together ? 4 * dim : dim, k_size = together ? 2 * dim : dim;
                const Values qkv = device.random(random, size), d_out = device.random(random, size),
                             query = device.random(random, q_size, 0.5),
                             key = device.random(random, k_size, 0.5),
                             d_q_before = reference::random_values(random, at(q_size)),
                             d_k_before = reference::random_values(random, at(k_size));
                const Tensor out = device.poisoned({tokens, heads, dim}),
                             in = device.put(qkv, {tokens, heads, dim}), q = device.put(query, {q_size}),
                             k = device.put(key, {k_size}), d = device.put(d_out, {tokens, heads, dim}),
                             d_q = device.put_f32(d_q_before, {q_size}),
                             d_k = device.put_f32(d_k_before, {k_size}),
                             d_frozen = device.put(d_out, {tokens, heads, dim});
                device.backend.qk_norm(out, in, q, k, shape, norm);
                device.backend.qk_norm_backward(d, d_q, d_k, in, q, k, shape, norm);
                const reference::QkNormGradient expected =
                    reference::qk_norm_backward(d_out, qkv, query, key, shape, eps, offset);
                CHECK(device.off(out, reference::qk_norm(qkv, query, key, shape, eps, offset),
                                 rounded_once(1e-6, 1e-5)) < 1);
                CHECK(device.off(d, expected.qkv, rounded_once(1e-5, 2e-3)) < 1);
                CHECK(device.off(d_q, plus(d_q_before, expected.query_weight), {1e-5, 1e-5}) < 1);
                CHECK(device.off(d_k, plus(d_k_before, expected.key_weight), {1e-5, 1e-5}) < 1);
                device.backend.qk_norm_backward(d_frozen, {}, {}, in, q, k, shape, norm);
                CHECK(device.get(d_frozen) == device.get(d));
            }
}
