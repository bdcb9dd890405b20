#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "backend/cuda/cuda_backend.h"
#include "conformance/test_device.h"
#include "core/error.h"
#include "model/key_value_cache.h"
#include "model/transformer/transformer.h"
#include "reference/fp8_backend.h"
#include "reference/poisoning_backend.h"
#include "reference/random_bin.h"
#include "reference/random_model.h"

using namespace wishbone;
using namespace wishbone::conformance;

// Products are held against the exact ones of the numbers that were quantised, and these against what they stand for.

namespace {

bool have_fp8() { return have_cuda() && cuda_target().backend().fp8_problem().empty(); }

/// The number an E4M3 byte stands for (arXiv 2209.05433, table 1).
double e4m3(std::uint8_t bits) {
    const int exponent = bits >> 3 & 15, mantissa = bits & 7;
    if (exponent == 15 && mantissa == 7) return NAN;
    const double size = exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
    return bits & 128 ? -size : size;
}

/// Matrices in FP8 on the device, and back in double.
class Fp8Device : public TestDevice {
  public:
    using TestDevice::TestDevice;

    Fp8Matrix matrix(std::int64_t rows, std::int64_t columns) {
        return {bytes(rows, columns), poisoned_f32({rows})};
    }

    Values get(const Tensor& tensor) { return TestDevice::get(tensor); }
    /// The numbers that the bytes and scales stand for.
    Values get(const Fp8Matrix& matrix) {
        const Values scale = get(matrix.scale);
        const std::vector<std::uint8_t> all = bits(matrix.values);
        Values result;
        for (std::int64_t i = 0; i < matrix.values.size(); ++i)
            result.push_back(e4m3(all[at(i)]) * scale[at(i / matrix.values.shape[1])]);
        return result;
    }
    std::vector<std::uint8_t> bits(const Tensor& tensor) {
        std::vector<std::uint8_t> result(tensor.bytes());
        backend.download(result.data(), tensor);
        return result;
    }

  private:
    Tensor bytes(std::int64_t rows, std::int64_t columns) {
        // NaN in every byte.
        const std::vector<std::uint8_t> poison(at(rows * columns), 0x7f);
        memory_.push_back(backend.allocate(poison.size()));
        const Tensor tensor(memory_.back().get(), DType::e4m3, {rows, columns});
        backend.upload(tensor, poison.data());
        return tensor;
    }

    std::vector<Buffer> memory_;
};

/// Numbers whose size differs from row to row and from column to column, a row of zeros among them.
Values uneven(std::mt19937& random, const TestDevice& device, std::int64_t rows, std::int64_t columns) {
    Values values = device.random(random, rows * columns);
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t column = 0; column < columns; ++column) {
            double& value = values[at(row * columns + column)];
            value = row == 3 ? 0 : std::ldexp(value, static_cast<int>(row % 7 + column % 5) - 6);
        }
    return values;
}

Values transposed(const Values& values, std::int64_t rows, std::int64_t columns, std::int64_t padded) {
    Values result(at(columns * padded), 0.0);
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t column = 0; column < columns; ++column)
            result[at(column * padded + row)] = values[at(row * columns + column)];
    return result;
}

/// The largest magnitude of an element's row.
Values largest(const Values& values, std::int64_t columns) {
    Values result(values.size(), 0.0);
    for (std::size_t row = 0; row < values.size(); row += at(columns)) {
        double most = 0;
        for (std::size_t i = row; i < row + at(columns); ++i) most = std::max(most, std::abs(values[i]));
        std::fill_n(result.begin() + static_cast<std::ptrdiff_t>(row), columns, most);
    }
    return result;
}

/// The furthest that a number is from what it was, as a part of half the distance of E4M3's numbers there.
double off_e4m3(const Values& got, const Values& was, const Values& most) {
    double furthest = got.size() == was.size() ? 0 : INFINITY;
    for (std::size_t i = 0; i < got.size() && i < was.size(); ++i) {
        const double scale = most[i] / 448, size = std::max(std::abs(was[i]) / std::max(scale, 1e-300), 0.0);
        const double step = std::ldexp(1.0, std::max(size > 0 ? std::ilogb(size) : -6, -6) - 3) * scale;
        const double error = std::abs(got[i] - was[i]) / (step / 2 + 1e-6 * most[i] + 1e-35);
        if (!(error <= furthest)) furthest = std::isnan(error) ? INFINITY : error;
    }
    return furthest;
}

Values product(const Values& x, const Values& w, std::int64_t rows, std::int64_t outputs,
               std::int64_t depth) {
    Values out(at(rows * outputs), 0.0);
    for (std::int64_t m = 0; m < rows; ++m)
        for (std::int64_t n = 0; n < outputs; ++n) {
            double sum = 0;
            for (std::int64_t k = 0; k < depth; ++k) sum += x[at(m * depth + k)] * w[at(n * depth + k)];
            out[at(m * outputs + n)] = sum;
        }
    return out;
}

double norm(const Values& values) {
    double squares = 0;
    for (const double value : values) squares += value * value;
    return std::sqrt(squares);
}
double distance(const Values& a, const Values& b) { return norm(minus(a, b)) / norm(b); }

}  // namespace

TEST_CASE("cuda: matrices are quantised to E4M3 row by row, both ways" * doctest::skip(!have_fp8())) {
    std::mt19937 random(5);
    for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{1, 16},
                                        {7, 272},
                                        {128, 128},
                                        {129, 400},
                                        {1000, 640},
                                        {20, 8960},
                                        {3, 28672},
                                        {2, 65536}}) {
        CAPTURE(rows);
        CAPTURE(columns);
        Fp8Device device(cuda_target());
        const Values x = uneven(random, device, rows, columns);
        const std::int64_t padded = fp8_padded(rows);
        const Tensor tx = device.put(x, {rows, columns});
        const Fp8Matrix by_row = device.matrix(rows, columns), by_column = device.matrix(columns, padded),
                        row_alone = device.matrix(rows, columns),
                        column_alone = device.matrix(columns, padded);
        device.backend.fp8_quantise(by_row, by_column, tx);
        CHECK(off_e4m3(device.get(by_row), x, largest(x, columns)) < 1.001);
        const Values t = transposed(x, rows, columns, padded);
        CHECK(off_e4m3(device.get(by_column), t, largest(t, padded)) < 1.001);
        // One alone is the same.
        device.backend.fp8_quantise(row_alone, {}, tx);
        device.backend.fp8_quantise({}, column_alone, tx);
        CHECK(device.bits(row_alone.values) == device.bits(by_row.values));
        CHECK(device.get(row_alone.scale) == device.get(by_row.scale));
        CHECK(device.bits(column_alone.values) == device.bits(by_column.values));
        CHECK(device.get(column_alone.scale) == device.get(by_column.scale));
        // A row does not depend on the others.
        const Fp8Matrix last = device.matrix(1, columns);
        device.backend.fp8_quantise(last, {}, tx.slice(rows - 1, rows));
        const std::vector<std::uint8_t> all = device.bits(by_row.values);
        CHECK(device.bits(last.values) == std::vector<std::uint8_t>(all.end() - columns, all.end()));
        if (columns != padded) CHECK_THROWS(device.backend.fp8_quantise(by_column, {}, tx));
    }
    Fp8Device device(cuda_target());
    const Tensor narrow = device.put(Values(4 * 72, 1.0), {4, 72});  // no multiple of 16
    CHECK_THROWS(device.backend.fp8_quantise(device.matrix(4, 72), {}, narrow));
    // What is not finite stays so.
    for (const double wrong : {NAN, INFINITY}) {
        Values x(32 * 16, 1.0);
        x[5] = wrong;
        const Fp8Matrix rows = device.matrix(32, 16), columns = device.matrix(16, 32);
        device.backend.fp8_quantise(rows, columns, device.put(x, {32, 16}));
        CHECK(std::isnan(device.get(rows)[5]));
        CHECK(std::isnan(device.get(columns)[5 * 32]));
    }
}

TEST_CASE("cuda: products in FP8 are those of the quantised numbers" * doctest::skip(!have_fp8())) {
    std::mt19937 random(7);
    struct Size {
        std::int64_t rows, inputs, outputs;
    };
    for (const auto& [rows, inputs, outputs] : {Size{1, 128, 128},
                                                {7, 256, 128},
                                                {129, 384, 256},
                                                {130, 144, 1152},
                                                {301, 640, 400},
                                                {515, 1024, 128}}) {
        CAPTURE(rows);
        CAPTURE(inputs);
        CAPTURE(outputs);
        Fp8Device device(cuda_target());
        Backend& backend = device.backend;
        const std::int64_t padded = fp8_padded(rows);
        const Tensor x = device.put(uneven(random, device, rows, inputs), {rows, inputs}),
                     w = device.put(uneven(random, device, outputs, inputs), {outputs, inputs}),
                     d = device.put(uneven(random, device, rows, outputs), {rows, outputs});
        const Fp8Matrix x_rows = device.matrix(rows, inputs), x_columns = device.matrix(inputs, padded),
                        d_rows = device.matrix(rows, outputs), d_columns = device.matrix(outputs, padded),
                        w_rows = device.matrix(outputs, inputs), w_columns = device.matrix(inputs, outputs);
        backend.fp8_quantise(x_rows, x_columns, x);
        backend.fp8_quantise(d_rows, d_columns, d);
        backend.fp8_quantise(w_rows, w_columns, w);
        const Values expected = product(device.get(x_rows), device.get(w_rows), rows, outputs, inputs),
                     expected_d = product(device.get(d_rows), device.get(w_columns), rows, inputs, outputs),
                     expected_w =
                         product(device.get(d_columns), device.get(x_columns), outputs, inputs, padded);
        // Rounding to bf16 is 1.7e-3 on average; sums that are not f32 have about 14 bits.
        const Tensor out = device.poisoned({rows, outputs}), d_x = device.poisoned({rows, inputs});
        backend.fp8_linear(out, x_rows, w_rows, false);
        backend.fp8_backward_input(d_x, d_rows, w_columns, false);
        CHECK(distance(device.get(out), expected) < 4e-3);
        CHECK(distance(device.get(d_x), expected_d) < 4e-3);
        const Values before =
            device.random(random, rows * outputs, norm(expected) / std::sqrt(rows * outputs));
        const Tensor sum = device.put(before, {rows, outputs});
        backend.fp8_linear(sum, x_rows, w_rows, true);
        CHECK(distance(device.get(sum), plus(before, expected)) < 4e-3);

        const Values d_w_before = reference::random_values(random, at(outputs * inputs));
        const Tensor d_w = device.put_f32(d_w_before, {outputs, inputs});
        backend.fp8_backward_weight(d_w, d_columns, x_columns, true);
        CHECK(distance(minus(device.get(d_w), d_w_before), expected_w) < 1e-3);
        const Tensor written = device.poisoned_f32({outputs, inputs}),
                     added = device.put_f32(Values(d_w_before.size(), 0.0), {outputs, inputs});
        backend.fp8_backward_weight(written, d_columns, x_columns, false);
        backend.fp8_backward_weight(added, d_columns, x_columns, true);
        CHECK(device.get(written) == device.get(added));

        const Tensor again = device.poisoned({rows, outputs});
        backend.fp8_linear(again, x_rows, w_rows, false);
        CHECK(device.get(again) == device.get(out));
        if (rows != outputs) CHECK_THROWS(backend.fp8_linear(out, w_rows, x_rows, false));
    }
}

TEST_CASE("cuda: norms and gated units give in FP8 what they give, rounded once" *
          doctest::skip(!have_fp8())) {
    std::mt19937 random(8);
    for (const auto& [rows, width] :
         {std::pair<std::int64_t, std::int64_t>{1, 128}, {33, 640}, {70, 2048}, {5, 4224}, {9, 14336}}) {
        CAPTURE(rows);
        CAPTURE(width);
        Fp8Device device(cuda_target());
        Backend& backend = device.backend;
        const Values x = device.random(random, rows * width),
                     delta = device.random(random, rows * width, 0.5), weight = device.random(random, width);
        const Tensor tx = device.put(x, {rows, width}), td = device.put(delta, {rows, width}),
                     tw = device.put(weight, {width});
        for (const bool adds : {false, true})
            for (const bool keeps : {false, true}) {
                const Tensor sum = device.poisoned({rows, width}), out = device.poisoned({rows, width}),
                             expected_sum = device.poisoned({rows, width}),
                             expected = device.poisoned({rows, width}), inv = device.poisoned_f32({rows}),
                             expected_inv = device.poisoned_f32({rows});
                const Fp8Matrix rounded = device.matrix(rows, width);
                const RmsNorm norm = {1e-5f, 1};
                backend.add_rmsnorm(adds ? expected_sum : Tensor(), expected, expected_inv, tx,
                                    adds ? td : Tensor(), tw, norm);
                backend.fp8_add_rmsnorm(rounded, adds ? sum : Tensor(), keeps ? out : Tensor(), inv, tx,
                                        adds ? td : Tensor(), tw, norm);
                CHECK(device.get(inv) == device.get(expected_inv));
                if (adds) CHECK(device.get(sum) == device.get(expected_sum));
                if (keeps) CHECK(device.get(out) == device.get(expected));
                // Not from the numbers that were rounded to bf16.
                CHECK(distance(device.get(rounded), device.get(expected)) < 0.035);
                const Fp8Matrix twice = device.matrix(rows, width);
                backend.fp8_quantise(twice, {}, expected);
                CHECK(distance(device.get(rounded), device.get(twice)) < 0.02);
            }
        const Tensor gate_up = device.put(device.random(random, rows * 2 * width, 2), {rows, 2 * width}),
                     product = device.poisoned({rows, width}), out = device.poisoned({rows, width});
        for (const Activation activation : {Activation::silu, Activation::gelu_tanh}) {
            const Fp8Matrix rounded = device.matrix(rows, width), twice = device.matrix(rows, width),
                            alone = device.matrix(rows, width);
            backend.glu(product, gate_up, activation);
            backend.fp8_glu(rounded, out, gate_up, activation);
            backend.fp8_glu(alone, {}, gate_up, activation);
            CHECK(device.get(out) == device.get(product));
            CHECK(device.bits(alone.values) == device.bits(rounded.values));
            CHECK(device.get(alone.scale) == device.get(rounded.scale));
            backend.fp8_quantise(twice, {}, product);
            CHECK(distance(device.get(rounded), device.get(product)) < 0.035);
            CHECK(distance(device.get(rounded), device.get(twice)) < 0.02);

            // Both ways back, against what the usual operation gives.
            const std::int64_t padded = fp8_padded(rows);
            const Tensor d_out = device.put(device.random(random, rows * width), {rows, width}),
                         d_gate_up = device.poisoned({rows, 2 * width}),
                         again = device.poisoned({rows, width});
            backend.glu_backward(d_gate_up, again, d_out, gate_up, activation);
            const Fp8Matrix d_rows = device.matrix(rows, 2 * width),
                            d_columns = device.matrix(2 * width, padded),
                            out_columns = device.matrix(width, padded),
                            rows_alone = device.matrix(rows, 2 * width);
            backend.fp8_glu_backward(d_rows, d_columns, out_columns, d_out, gate_up, activation);
            const Values d = device.get(d_gate_up), of_out = device.get(again);
            CHECK(off_e4m3(device.get(d_rows), d, largest(d, 2 * width)) < 1.3);
            const Values d_turned = transposed(d, rows, 2 * width, padded),
                         out_turned = transposed(of_out, rows, width, padded);
            CHECK(off_e4m3(device.get(d_columns), d_turned, largest(d_turned, padded)) < 1.3);
            CHECK(off_e4m3(device.get(out_columns), out_turned, largest(out_turned, padded)) < 1.3);
            backend.fp8_glu_backward(rows_alone, {}, {}, d_out, gate_up, activation);
            CHECK(device.bits(rows_alone.values) == device.bits(d_rows.values));
            CHECK(device.get(rows_alone.scale) == device.get(d_rows.scale));
        }
    }
}

namespace {

ModelConfig config_of(std::int64_t layers) {
    ModelConfig config;
    config.vocab_size = 208;  // whole vectors: kept logits are then one product, as those that are not kept
    config.hidden_size = 256;
    config.intermediate_size = 640;
    config.layers = layers;
    config.query_heads = 4;
    config.kv_heads = 2;
    config.head_dim = 64;
    config.max_position_embeddings = 4096;
    return config;
}

struct Fp8Model {
    Fp8Model(std::unique_ptr<Backend> inner, const ModelConfig& config, const reference::Weights& weights,
             RecomputePlan recompute, Precision precision)
        : backend(std::move(inner)),
          parameters(backend, config, backend.activation_dtype()),
          gradients(backend, config, DType::f32),
          transformer(backend, config, recompute, precision) {
        transformer.expect_length(4096);
        const Parameters exact(backend, config, DType::f32);
        reference::upload(backend, exact, weights);
        backend.copy(parameters.flat(), exact.flat());
    }
    std::vector<float> forward(const BinView& view) {
        return transformer.forward(parameters, *transformer.prepare(view), false);
    }
    /// Log-probabilities of a pass that keeps, then the gradient of their sum.
    std::vector<float> both(const BinView& view) {
        const auto bin = transformer.prepare(view);
        std::vector<float> logps = transformer.forward(parameters, *bin, true);
        backend.zero(gradients.flat());
        transformer.backward(parameters, gradients, *bin, std::vector<float>(logps.size(), 0.1f));
        return logps;
    }
    /// The same written over whatever is there.
    void writes(const BinView& view) {
        const auto bin = transformer.prepare(view);
        const std::vector<float> logps = transformer.forward(parameters, *bin, true);
        reference::poison(backend, gradients);
        GradientView to(gradients);
        to.adds = false;
        transformer.backward(parameters, to, *bin, std::vector<float>(logps.size(), 0.1f));
    }
    Values gradient() {
        std::vector<float> values(static_cast<std::size_t>(gradients.flat().size()));
        backend.download(values.data(), gradients.flat());
        return {values.begin(), values.end()};
    }

    reference::PoisoningBackend backend;
    Parameters parameters, gradients;
    Transformer transformer;
};

}  // namespace

TEST_CASE("cuda: the whole model in FP8" * doctest::skip(!have_fp8())) {
    const ModelConfig config = config_of(3);
    std::mt19937 random(12);
    reference::Weights weights = reference::random_weights(random, config);
    for (auto& [name, values] : weights)
        for (double& value : values)
            value = reference::to_bf16(name.find("norm") == std::string::npos ? value / 4 : value);
    const reference::RandomBin bin(
        random, {.trees = 3, .deepest = 3, .most_children = 2, .longest_segment = 60, .vocabulary = 208});
    const auto values_of = [](const std::vector<float>& logps) { return Values(logps.begin(), logps.end()); };
    const auto with = [&](std::unique_ptr<Backend> backend, RecomputePlan recompute, Precision precision) {
        return Fp8Model(std::move(backend), config, weights, recompute, precision);
    };
    Fp8Model exact = with(make_cpu_backend(0), Recompute::none, Precision::bf16);
    const Values logps_exact = values_of(exact.both(bin.shared.view())), gradient_exact = exact.gradient();
    // How far such numbers are from f32 by themselves.
    Fp8Model on_cpu = with(std::make_unique<reference::Fp8Backend>(true), Recompute::none, Precision::fp8);
    const double logps_off = distance(values_of(on_cpu.both(bin.shared.view())), logps_exact),
                 gradient_off = distance(on_cpu.gradient(), gradient_exact);
    std::vector<float> first;
    Values first_gradient;
    const RecomputePlan plans[] = {Recompute::none, Recompute::mlp, Recompute::block, {0, 1}, {1, 0}};
    for (const RecomputePlan recompute : plans) {
        CudaOptions options;
        options.deterministic = true;
        Fp8Model model = with(make_cuda_backend(options), recompute, Precision::fp8);
        const std::vector<float> logps = model.both(bin.shared.view());
        // What a reference says of the same weights, to the last bit.
        CHECK(model.forward(bin.shared.view()) == logps);
        if (first.empty()) {
            first = logps;
            first_gradient = model.gradient();
            const double off = distance(values_of(logps), logps_exact),
                         d_off = distance(first_gradient, gradient_exact);
            MESSAGE("log-probabilities ", off, " from f32 where FP8 by itself is ", logps_off, ", gradient ",
                    d_off, " where ", gradient_off);
            CHECK(off < 1.5 * logps_off);
            CHECK(d_off < 1.25 * gradient_off);
            CHECK(off > logps_off / 3);
        }
        CHECK(logps == first);
        CHECK(model.gradient() == first_gradient);
        model.writes(bin.shared.view());
        CHECK(model.gradient() == first_gradient);
    }
}

TEST_CASE("cuda: a gradient with the scales of a frozen weight, and that weight's transpose" *
          doctest::skip(!have_fp8())) {
    std::mt19937 random(14);
    struct Size {
        std::int64_t rows, inputs, outputs;
    };
    for (const auto& [rows, inputs, outputs] :
         {Size{1, 128, 128}, {7, 256, 128}, {130, 144, 1152}, {301, 640, 400}, {515, 1024, 4096}}) {
        CAPTURE(rows);
        CAPTURE(inputs);
        CAPTURE(outputs);
        Fp8Device device(cuda_target());
        Backend& backend = device.backend;
        const Values w = uneven(random, device, outputs, inputs), d = uneven(random, device, rows, outputs);
        const Fp8Matrix narrow = device.matrix(outputs, inputs), turned = device.matrix(inputs, outputs),
                        d_rows = device.matrix(rows, outputs);
        backend.fp8_quantise(narrow, {}, device.put(w, {outputs, inputs}));
        backend.fp8_transpose(turned, narrow.values);
        const std::vector<std::uint8_t> bytes = device.bits(narrow.values),
                                        other = device.bits(turned.values);
        bool same = true;
        for (std::int64_t n = 0; n < outputs; ++n)
            for (std::int64_t k = 0; k < inputs; ++k)
                same &= bytes[at(n * inputs + k)] == other[at(k * outputs + n)];
        CHECK(same);
        CHECK(device.get(turned.scale) == Values(at(inputs), 1.0));

        backend.fp8_quantise_scaled(d_rows, device.put(d, {rows, outputs}), narrow.scale);
        const Values scale = device.get(narrow.scale);
        Values scaled = d;
        for (std::size_t i = 0; i < scaled.size(); ++i) scaled[i] *= scale[i % at(outputs)];
        CHECK(off_e4m3(device.get(d_rows), scaled, largest(scaled, outputs)) < 1.3);

        const Tensor d_x = device.poisoned({rows, inputs});
        backend.fp8_backward_input(d_x, d_rows, turned, false);
        CHECK(distance(device.get(d_x),
                       product(device.get(d_rows), device.get(turned), rows, inputs, outputs)) < 4e-3);
        // And so close to what it stands for.
        const Values weight = device.get(narrow);
        CHECK(distance(device.get(d_x), product(d, transposed(weight, outputs, inputs, outputs), rows, inputs,
                                                outputs)) < 0.05);
    }
}

TEST_CASE("cuda: adapters on frozen weights that are in FP8 alone" * doctest::skip(!have_fp8())) {
    const ModelConfig config = config_of(3);
    std::mt19937 random(15);
    reference::Weights weights = reference::random_weights(random, config);
    for (auto& [name, values] : weights)
        for (double& value : values)
            value = reference::to_bf16(name.find("norm") == std::string::npos ? value / 4 : value);
    const reference::RandomBin bin(
        random, {.trees = 3, .deepest = 3, .most_children = 2, .longest_segment = 60, .vocabulary = 208});
    LoraConfig lora;
    lora.r = 8;
    lora.lora_alpha = 16;
    lora.target_modules = {"q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
    const std::vector<LoraModule> modules = lora_modules(config, lora, "test");
    struct Result {
        Values logps, gradient;
    };
    const auto run = [&](std::unique_ptr<Backend> inner, bool alone, Precision precision) {
        reference::PoisoningBackend backend(std::move(inner));
        const Parameters parameters = alone ? Parameters(backend, config, FrozenInFp8())
                                            : Parameters(backend, config, backend.activation_dtype());
        reference::upload(backend, parameters, weights);
        Lora adapter(backend, config, modules, backend.activation_dtype()),
            gradient(backend, config, modules, DType::f32);
        std::mt19937 own(16);
        reference::Weights values;
        for (const NamedTensor& one : adapter.named()) {
            values[one.name] = reference::random_values(own, at(one.tensor.size()), 0.05);
            for (double& value : values[one.name]) value = reference::to_bf16(value);
        }
        reference::upload(backend, adapter, values);
        Transformer transformer(backend, config, Recompute::block, precision);
        transformer.expect_length(4096);
        const auto prepared = transformer.prepare(bin.shared.view());
        const std::vector<float> logps = transformer.forward({parameters, &adapter}, *prepared, true);
        transformer.backward({parameters, &adapter}, gradient, *prepared,
                             std::vector<float>(logps.size(), 0.1f));
        std::vector<float> flat(at(gradient.flat().size()));
        backend.download(flat.data(), gradient.flat());
        KeyValueCache cache(backend, config, 8);
        const std::vector<std::int32_t> tokens = {1, 2, 3};
        for (const float logit : transformer.next_logits({parameters, &adapter}, cache, tokens))
            CHECK(std::isfinite(logit));
        return Result{{logps.begin(), logps.end()}, {flat.begin(), flat.end()}};
    };
    const auto cuda = [] {
        CudaOptions options;
        options.deterministic = true;
        return make_cuda_backend(options);
    };
    const Result exact = run(make_cpu_backend(0), false, Precision::bf16),
                 each = run(cuda(), false, Precision::fp8), alone = run(cuda(), true, Precision::fp8);
    CHECK(alone.logps == each.logps);
    MESSAGE("gradients of adapters, from f32: ", distance(alone.gradient, exact.gradient),
            ", where weights are kept in bf16 too ", distance(each.gradient, exact.gradient));
    CHECK(distance(alone.gradient, exact.gradient) < 1.25 * distance(each.gradient, exact.gradient));
}

TEST_CASE("cuda: FP8 is refused where it cannot be had" * doctest::skip(!have_fp8())) {
    Backend& backend = cuda_target().backend();
    ModelConfig config = config_of(1);
    CHECK_NOTHROW(check_precision(backend, config, Precision::fp8, "here"));
    config.intermediate_size = 648;
    CHECK_THROWS_AS(check_precision(backend, config, Precision::fp8, "here"), Error);
    CHECK_NOTHROW(check_precision(backend, config, Precision::bf16, "here"));
    CHECK_THROWS_AS(Transformer(cpu_target().backend(), config_of(1), Recompute::none, Precision::fp8),
                    Error);
}
