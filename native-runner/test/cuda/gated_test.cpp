#include <cmath>
#include <random>
#include <vector>

#include "backend/cuda/gated/sm90/product.h"
#include "backend/cuda/runtime/device.h"
#include "cuda/guarded_device.h"
#include "reference/backward_reference.h"

using namespace wishbone;
using namespace wishbone::conformance;
using cuda::sm90::product::Size;

// Products with a gated unit in their epilogue, called by themselves: the backend takes them for large sizes alone.

namespace {

using bf16 = __nv_bfloat16;

// Edges of tiles of 128 rows, 128 or 256 columns and 64 of the sum, one tile and more tiles than a card has multiprocessors.
const std::vector<Size> sizes = {{1, 8, 8},        {1, 128, 64},      {63, 200, 72},   {65, 64, 128},
                                 {127, 136, 136},  {128, 128, 64},    {129, 384, 520}, {200, 8, 1000},
                                 {257, 1000, 64},  {300, 264, 1040},  {256, 256, 72},  {2100, 2104, 72},
                                 {2304, 2304, 64}, {1100, 4200, 1000}};
constexpr std::int64_t most_in_double = 100'000'000;

}  // namespace

TEST_CASE("cuda: gates and their unit in the epilogue of a product" * doctest::skip(!have_hopper())) {
    std::mt19937 random(31);
    for (const Activation activation : {Activation::silu, Activation::gelu_tanh})
        for (const Size& size : sizes) {
            const auto [rows, columns, inner] = size;
            CAPTURE(rows);
            CAPTURE(columns);
            CAPTURE(inner);
            GuardedDevice device(cuda_target());
            const double spread = 1.5 / std::sqrt(static_cast<double>(inner));
            const Tensor x = device.random_matrix(random, rows, inner, 1),
                         w = device.random_matrix(random, 2 * columns, inner, spread);
            const Tensor out = device.empty_matrix(rows, columns),
                         gate_up = device.empty_matrix(rows, 2 * columns),
                         only = device.empty_matrix(rows, columns),
                         gates_only = device.empty_matrix(rows, 2 * columns),
                         separate = device.poisoned({rows, 2 * columns}),
                         unit = device.poisoned({rows, columns});
            const auto run = [&](const Tensor& to, const Tensor& gates) {
                cuda::sm90::gated_forward(cuda::use_device(0), device.stream(), to.as<bf16>(),
                                          gates.as<bf16>(), {x.as<bf16>(), w.as<bf16>()}, size, activation);
            };
            run(out, gate_up);
            run(only, {});
            run({}, gates_only);
            const Values gates = device.get(gate_up), result = device.get(out);
            device.backend.linear(separate, x, w);
            device.backend.glu(unit, gate_up, activation);
            CHECK(distance(gates, device.get(separate)) < 1e-3);
            CHECK(result == device.get(unit));
            CHECK(device.get(only) == result);
            CHECK(device.get(gates_only) == gates);
            for (const Tensor& each : {out, gate_up, only, gates_only}) CHECK(device.is_whole_behind(each));
            if (rows * columns * inner < most_in_double)
                CHECK(device.off(gates, reference::linear(device.get(x), device.get(w), inner),
                                 rounded_once(1e-6, 1e-3)) < 1);
        }
}

TEST_CASE("cuda: gradients of gates in the epilogue of a product" * doctest::skip(!have_hopper())) {
    std::mt19937 random(32);
    for (const Activation activation : {Activation::silu, Activation::gelu_tanh})
        for (const Size& size : sizes) {
            const auto [rows, columns, inner] = size;
            CAPTURE(rows);
            CAPTURE(columns);
            CAPTURE(inner);
            GuardedDevice device(cuda_target());
            const double spread = 1.5 / std::sqrt(static_cast<double>(inner));
            const Tensor d_out = device.random_matrix(random, rows, inner, 1),
                         w = device.random_matrix(random, inner, columns, spread),
                         gate_up = device.random_matrix(random, rows, 2 * columns, 1.5);
            const Tensor d_gate_up = device.empty_matrix(rows, 2 * columns),
                         out = device.empty_matrix(rows, columns),
                         d_product = device.poisoned({rows, columns}),
                         separate = device.poisoned({rows, 2 * columns}),
                         unit = device.poisoned({rows, columns});
            const auto run = [&](const Tensor& to) {
                cuda::sm90::gated_backward(cuda::use_device(0), device.stream(), to.as<bf16>(),
                                           out.as<bf16>(), {d_out.as<bf16>(), w.as<bf16>()},
                                           gate_up.as<bf16>(), size, activation);
            };
            const Values gates = device.get(gate_up);
            run(d_gate_up);
            const Values result = device.get(d_gate_up), product = device.get(out);
            device.backend.linear_backward_input(d_product, d_out, w);
            device.backend.glu_backward(separate, unit, d_product, gate_up, activation);
            CHECK(distance(result, device.get(separate)) < 1e-3);
            CHECK(product == device.get(unit));
            for (const Tensor& each : {out, d_gate_up}) CHECK(device.is_whole_behind(each));
            if (rows * columns * inner < most_in_double) {
                const Values d =
                    reference::linear_backward(device.get(d_out), Values(at(rows * columns), 0.0),
                                               device.get(w), columns)
                        .x;
                const Tolerance twice{1e-5, 2.1 * reference::bf16_rounding, 1e-2};
                CHECK(device.off(result, reference::glu_backward(d, gates, columns, activation), twice) < 1);
            }
            run(gate_up);  // in place
            CHECK(device.get(gate_up) == result);
            CHECK(device.get(out) == product);
        }
}

TEST_CASE("cuda: large products have their gated unit in the epilogue, small ones a pass behind" *
          doctest::skip(!have_hopper())) {
    std::mt19937 random(33);
    for (const bool large : {true, false}) {
        const Size size = large ? Size{4200, 4096, 896} : Size{300, 4096, 896};
        const auto [rows, columns, inner] = size;
        CAPTURE(rows);
        GuardedDevice device(cuda_target());
        const Tensor x = device.random_matrix(random, rows, inner, 1),
                     w = device.random_matrix(random, 2 * columns, inner, 0.05),
                     down = device.random_matrix(random, inner, columns, 0.05);
        const Tensor out = device.empty_matrix(rows, columns),
                     gate_up = device.empty_matrix(rows, 2 * columns),
                     only = device.empty_matrix(rows, columns),
                     scratch = device.empty_matrix(rows, 2 * columns),
                     separate = device.empty_matrix(rows, 2 * columns),
                     unit = device.empty_matrix(rows, columns),
                     d_product = device.empty_matrix(rows, columns);
        const auto untouched = [&](const Tensor& tensor) {
            for (const double each : device.get(tensor))
                if (!std::isnan(each)) return false;
            return true;
        };
        device.backend.gated_linear(out, gate_up, x, w, {}, {}, Activation::silu, true);
        device.backend.gated_linear(only, scratch, x, w, {}, {}, Activation::silu, false);
        device.backend.linear(separate, x, w);
        device.backend.glu(unit, gate_up, Activation::silu);
        const Values gates = device.get(gate_up), result = device.get(out);
        CHECK(distance(gates, device.get(separate)) < 1e-3);
        CHECK(result == device.get(unit));
        CHECK(device.get(only) == result);
        CHECK(untouched(scratch) == large);

        device.backend.gated_linear_backward_input(separate, unit, d_product, x, down, {}, {}, gate_up,
                                                   Activation::silu);
        CHECK(untouched(d_product) == large);
        const Values d_gate_up = device.get(separate);
        CHECK(device.get(unit) == result);
        device.backend.linear_backward_input(d_product, x, down);
        device.backend.glu_backward(separate, unit, d_product, gate_up, Activation::silu);
        CHECK(distance(d_gate_up, device.get(separate)) < 1e-3);
    }
}
