#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "cuda/guarded_device.h"

using namespace wishbone;
using namespace wishbone::conformance;

// Adapters whose part of a layer goes on behind the layer's own sums, in every operation that has them, at sizes for which the backend takes
// products of its own. Beside them the same layer as one product of cuBLASLt with operands that are longer by the adapters' rank.

namespace {

struct Branch {
    std::int64_t first_output, outputs, rank;
    float scale;
};

/// A layer [outputs, inputs] with adapters, and room for what lies between their matrices.
struct Layer {
    Layer(GuardedDevice& device, std::mt19937& random, std::int64_t rows, std::int64_t outputs,
          std::int64_t inputs, const std::vector<Branch>& branches)
        : device(device), rows(rows), outputs(outputs), inputs(inputs) {
        w = device.random_matrix(random, outputs, inputs, 1 / std::sqrt(static_cast<double>(inputs)));
        for (const Branch& each : branches) {
            // As the weights' parts they are numbers of some size, so that their lack is seen.
            adapter.branches.push_back(
                {device.random_matrix(random, each.outputs, each.rank, 0.2), each.first_output, each.scale});
            ranks += each.rank;
        }
        adapter.a = device.random_matrix(random, ranks, inputs, 1 / std::sqrt(static_cast<double>(inputs)));
        between = device.empty_matrix(rows, ranks);
    }

    /// Rows of `left`, each followed by its row of `right`.
    static Values side_by_side(const Values& left, const Values& right, std::int64_t rows) {
        const std::size_t count = at(rows), l = left.size() / count, r = right.size() / count;
        Values both;
        for (std::size_t row = 0; row < count; ++row) {
            both.insert(both.end(), left.begin() + static_cast<std::ptrdiff_t>(row * l),
                        left.begin() + static_cast<std::ptrdiff_t>((row + 1) * l));
            both.insert(both.end(), right.begin() + static_cast<std::ptrdiff_t>(row * r),
                        right.begin() + static_cast<std::ptrdiff_t>((row + 1) * r));
        }
        return both;
    }

    /// scale · b of all branches, [outputs, ranks].
    Values second_matrix() const {
        Values all(at(outputs * ranks));
        std::int64_t column = 0;
        for (const LowRank::Branch& branch : adapter.branches) {
            const Values b = device.get(branch.b);
            const std::int64_t rank = branch.b.shape[1];
            for (std::int64_t i = 0; i < branch.b.shape[0]; ++i)
                for (std::int64_t j = 0; j < rank; ++j)
                    all[at((branch.first_output + i) * ranks + column + j)] =
                        static_cast<double>(branch.scale) * b[at(i * rank + j)];
            column += rank;
        }
        return all;
    }

    /// x · wᵀ with adapters; call it behind the operation, which leaves h.
    Tensor forward(const Tensor& x) const {
        const Tensor h = device.poisoned({rows, ranks}), out = device.poisoned({rows, outputs});
        device.backend.linear(h, x, adapter.a);
        CHECK(device.get(between) == device.get(h));
        device.backend.linear(
            out, device.put(side_by_side(device.get(x), device.get(h), rows), {rows, inputs + ranks}),
            device.put(side_by_side(device.get(w), second_matrix(), outputs), {outputs, inputs + ranks}));
        return out;
    }
    /// d_out · w with adapters; it leaves d_h to be compared.
    Tensor backward(const Tensor& d_out) const {
        const Tensor d_h = device.poisoned({rows, ranks}), d_x = device.poisoned({rows, inputs});
        device.backend.linear_backward_input(d_h, d_out, device.put(second_matrix(), {outputs, ranks}));
        CHECK(distance(device.get(between), device.get(d_h)) < 2e-3);
        Values stacked = device.get(w);
        const Values a = device.get(adapter.a);
        stacked.insert(stacked.end(), a.begin(), a.end());
        device.backend.linear_backward_input(
            d_x,
            device.put(side_by_side(device.get(d_out), device.get(between), rows), {rows, outputs + ranks}),
            device.put(stacked, {outputs + ranks, inputs}));
        return d_x;
    }

    GuardedDevice& device;
    std::int64_t rows, outputs, inputs, ranks = 0;
    Tensor w, between;
    LowRank adapter;
};

/// Of a layer of 2048 outputs: one adapter; three with a gap between; more ranks than a stage of the product has.
const std::vector<std::vector<Branch>> some_adapters = {
    {{0, 2048, 16, 2.0f}},
    {{0, 1024, 16, 0.5f}, {1024, 512, 8, -2.0f}, {1792, 256, 16, 1.0f}},
    {{0, 512, 40, 2.0f}, {512, 1536, 32, 0.25f}}};
constexpr std::int64_t rows = 6390, inner = 896;

}  // namespace

TEST_CASE("cuda: adapters go on behind the sums of their layer" * doctest::skip(!have_hopper())) {
    std::mt19937 random(61);
    for (const std::vector<Branch>& branches : some_adapters) {
        CAPTURE(branches.size());
        GuardedDevice device(cuda_target());
        Backend& backend = device.backend;
        {
            const Layer layer(device, random, rows, 2048, inner, branches);
            const Tensor x = device.random_matrix(random, rows, inner, 1),
                         out = device.empty_matrix(rows, 2048), plain = device.poisoned({rows, 2048});
            backend.adapted_linear(out, layer.between, x, layer.w, layer.adapter);
            backend.linear(plain, x, layer.w);
            const Values result = device.get(out);
            CHECK(distance(result, device.get(layer.forward(x))) < 1e-3);
            CHECK(distance(result, device.get(plain)) > 0.05);
            CHECK(device.is_whole_behind(out));

            // The same layer behind attention's input: queries, keys and values, rotated.
            const AttentionShape shape{.query_heads = 24, .kv_heads = 4, .head_dim = 64, .scale = 1};
            Values cos, sin;
            for (std::int64_t i = 0; i < rows * 32; ++i) {
                const double angle = std::uniform_real_distribution(-3.0, 3.0)(random);
                cos.push_back(static_cast<double>(static_cast<float>(std::cos(angle))));
                sin.push_back(static_cast<double>(static_cast<float>(std::sin(angle))));
            }
            std::vector<std::int32_t> position;
            for (std::int64_t i = 0; i < rows; ++i)
                position.push_back(static_cast<std::int32_t>(rows - 1 - i));
            const Rotation rotation{device.put_f32(cos, {rows, 32}), device.put_f32(sin, {rows, 32}),
                                    device.put(position)};
            const Tensor qkv = device.poisoned({rows, 32, 64});
            backend.rotated_linear(qkv, x, layer.w, layer.adapter, layer.between, rotation, shape);
            const Tensor expected = layer.forward(x), heads(expected.data, DType::bf16, {rows, 32, 64});
            backend.rope(heads, rotation, shape, false);
            CHECK(distance(device.get(qkv), device.get(heads)) < 2e-3);

            // And as gate and up.
            const Tensor unit = device.empty_matrix(rows, 1024), gates = device.empty_matrix(rows, 2048),
                         unit_of = device.poisoned({rows, 1024});
            backend.gated_linear(unit, gates, x, layer.w, layer.adapter, layer.between, Activation::silu,
                                 true);
            CHECK(distance(device.get(gates), device.get(layer.forward(x))) < 1e-3);
            backend.glu(unit_of, gates, Activation::silu);
            CHECK(device.get(unit) == device.get(unit_of));
            CHECK(device.is_whole_behind(gates));
        }
    }
}

TEST_CASE("cuda: gradients of inputs go on behind with what adapters give" * doctest::skip(!have_hopper())) {
    std::mt19937 random(62);
    for (const std::vector<Branch>& branches : some_adapters) {
        CAPTURE(branches.size());
        GuardedDevice device(cuda_target());
        Backend& backend = device.backend;
        const Layer layer(device, random, rows, 2048, 2048, branches);
        const Tensor d_out = device.random_matrix(random, rows, 2048, 1),
                     d_x = device.empty_matrix(rows, 2048);
        backend.adapted_linear_backward_input(d_x, layer.between, d_out, layer.w, layer.adapter);
        const Tensor expected = layer.backward(d_out), plain = device.poisoned({rows, 2048});
        CHECK(distance(device.get(d_x), device.get(expected)) < 1e-3);
        backend.linear_backward_input(plain, d_out, layer.w);
        CHECK(distance(device.get(d_x), device.get(plain)) > 0.05);
        CHECK(device.is_whole_behind(d_x));

        // Behind attention.
        const Tensor attention = device.random_matrix(random, rows, 2048, 1),
                     d_attention = device.empty_matrix(rows, 2048), delta = device.poisoned_f32({rows, 32});
        CHECK(backend.attention_out_backward_input(d_attention, delta, d_out, layer.w, layer.adapter,
                                                   layer.between, attention));
        CHECK(device.get(d_attention) == device.get(d_x));

        // And behind a gated unit.
        const Tensor gates = device.random_matrix(random, rows, 4096, 1),
                     d_gates = device.empty_matrix(rows, 4096), unit = device.empty_matrix(rows, 2048),
                     scratch = device.poisoned({rows, 2048}), d_gates_of = device.poisoned({rows, 4096}),
                     unit_of = device.poisoned({rows, 2048});
        backend.gated_linear_backward_input(d_gates, unit, scratch, d_out, layer.w, layer.adapter,
                                            layer.between, gates, Activation::silu);
        backend.glu_backward(d_gates_of, unit_of, expected, gates, Activation::silu);
        CHECK(distance(device.get(d_gates), device.get(d_gates_of)) < 2e-3);
        CHECK(device.get(unit) == device.get(unit_of));
    }
}

TEST_CASE("cuda: adapters that multiply by no power of two are products of their own" *
          doctest::skip(!have_hopper())) {
    std::mt19937 random(63);
    GuardedDevice device(cuda_target());
    for (const std::vector<Branch>& branches :
         {std::vector<Branch>{{0, 2048, 16, 1.7f}}, std::vector<Branch>{{0, 2048, 12, 2.0f}}}) {
        const Layer layer(device, random, rows, 2048, inner, branches);
        const Tensor x = device.random_matrix(random, rows, inner, 1), out = device.empty_matrix(rows, 2048);
        device.backend.adapted_linear(out, layer.between, x, layer.w, layer.adapter);
        // The second matrix is rounded for the comparison, and what the adapters give by themselves for the result.
        CHECK(distance(device.get(out), device.get(layer.forward(x))) < 4e-3);
    }
}
