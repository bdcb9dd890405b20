#include <algorithm>
#include <cmath>
#include <random>

#include "backend/cuda/attention_out/sm90/product.h"
#include "backend/cuda/runtime/device.h"
#include "cuda/guarded_device.h"

using namespace wishbone;
using namespace wishbone::conformance;

// The product through which the gradient comes to attention's output, with sums of dO·O in its epilogue, called by itself: the backend takes
// it for large sizes alone.

namespace {

using bf16 = __nv_bfloat16;

}  // namespace

TEST_CASE("cuda: sums of dO·O in the epilogue of a product" * doctest::skip(!have_hopper())) {
    std::mt19937 random(53);
    struct Case {
        std::int64_t rows, heads, head_dim, inner;
    };
    // Edges of tiles of 128 rows and 256 columns, and of boxes of 64 rows; more tiles than a card has multiprocessors.
    for (const Case& each : {Case{1, 1, 64, 8},
                             {65, 3, 64, 136},
                             {300, 7, 64, 72},
                             {129, 1, 128, 64},
                             {257, 5, 128, 200},
                             {4300, 32, 64, 128},
                             {2300, 28, 128, 520}}) {
        const auto [rows, heads, head_dim, inner] = each;
        CAPTURE(rows);
        CAPTURE(heads);
        CAPTURE(head_dim);
        GuardedDevice device(cuda_target());
        const std::int64_t columns = heads * head_dim;
        const Tensor d = device.random_matrix(random, rows, inner, 1),
                     w = device.random_matrix(random, inner, columns,
                                              1.5 / std::sqrt(static_cast<double>(inner))),
                     out = device.random_matrix(random, rows, columns, 2);
        const Tensor d_out = device.empty_matrix(rows, columns), again = device.empty_matrix(rows, columns),
                     apart = device.poisoned({rows, columns});
        const Tensor delta = device.poisoned_f32({rows + 300, heads}).slice(0, rows),
                     delta_again = device.poisoned_f32({rows, heads});
        const Values before = device.get(out);
        const auto run = [&](const Tensor& to, const Tensor& sums) {
            cuda::sm90::attention_out_backward(cuda::use_device(0), device.stream(), to.as<bf16>(),
                                               sums.as<float>(), {d.as<bf16>(), w.as<bf16>()}, out.as<bf16>(),
                                               {rows, columns, inner}, head_dim);
        };
        run(d_out, delta);
        run(again, delta_again);
        device.backend.linear_backward_input(apart, d, w);
        const Values result = device.get(d_out), sums = device.get(delta);
        CHECK(distance(result, device.get(apart)) < 1e-3);
        Values expected(static_cast<std::size_t>(rows * heads));
        for (std::size_t i = 0; i < result.size(); ++i)
            expected[i / static_cast<std::size_t>(head_dim)] += result[i] * before[i];
        CHECK(distance(sums, expected) < 1e-6);
        CHECK(device.get(again) == result);
        CHECK(device.get(delta_again) == sums);
        CHECK(device.get(out) == before);
        CHECK(device.is_whole_behind(d_out));
        CHECK(device.is_whole_behind(delta));
    }
}

TEST_CASE("cuda: the backend gives sums of dO·O for large sizes and leaves others alone" *
          doctest::skip(!have_hopper())) {
    std::mt19937 random(54);
    struct Case {
        std::int64_t rows, heads, head_dim, inner;
        bool given;
    };
    for (const Case& each :
         {Case{6400, 32, 64, 896, true}, {300, 32, 64, 896, false}, {6400, 32, 96, 896, false}}) {
        const auto [rows, heads, head_dim, inner, given] = each;
        CAPTURE(rows);
        CAPTURE(head_dim);
        GuardedDevice device(cuda_target());
        const std::int64_t columns = heads * head_dim;
        const Tensor d = device.random_matrix(random, rows, inner, 1),
                     w = device.random_matrix(random, inner, columns, 0.05),
                     out = device.random_matrix(random, rows, columns, 1),
                     d_attention = device.empty_matrix(rows, columns),
                     apart = device.poisoned({rows, columns}), delta = device.poisoned_f32({rows, heads});
        CHECK(device.backend.attention_out_backward_input(d_attention, delta, d, w, {}, {}, out) == given);
        device.backend.linear_backward_input(apart, d, w);
        CHECK(distance(device.get(d_attention), device.get(apart)) < 1e-3);
        const Values sums = device.get(delta);
        CHECK(std::ranges::all_of(sums, [&](double sum) { return std::isnan(sum) != given; }));
        CHECK_THROWS(device.backend.attention_out_backward_input(d_attention, delta, w, d, {}, {}, out));
    }
}
