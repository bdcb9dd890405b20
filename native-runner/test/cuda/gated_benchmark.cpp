// Gated units in the epilogue of matrix products of our own, beside cuBLASLt's product and a pass of its own (Hopper).
//   gated_benchmark check    results of many sizes, held against the separate operations
//   gated_benchmark          milliseconds of every layout, the sizes of the 1B, 8B and 1.5B

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/gated/sm90/product.h"
#include "backend/cuda/runtime/check.h"
#include "core/error.h"
#include "core/half.h"

namespace {

using namespace wishbone;
using namespace wishbone::cuda;
using bf16 = __nv_bfloat16;

constexpr std::size_t guard = 4096;  ///< elements behind a tensor that nobody may write

struct Matrix {
    Matrix(CudaBackend& the_backend, std::int64_t the_rows, std::int64_t the_columns)
        : backend(the_backend),
          rows(the_rows),
          columns(the_columns),
          memory(backend.allocate((static_cast<std::size_t>(rows * columns) + guard) * sizeof(bf16))) {
        poison();
    }
    /// Random numbers; a few million are read round and round.
    Matrix(CudaBackend& the_backend, std::int64_t the_rows, std::int64_t the_columns, float spread, unsigned seed)
        : Matrix(the_backend, the_rows, the_columns) {
        static const std::vector<float> drawn = [] {
            std::vector<float> values(4194301);
            std::mt19937 random(7);
            std::normal_distribution<float> normal;
            for (float& value : values) value = normal(random);
            return values;
        }();
        std::vector<std::uint16_t> table(drawn.size());
        std::ranges::transform(drawn, table.begin(), [&](float each) { return float_to_bfloat16(spread * each); });
        std::size_t from = seed * 1000003u % table.size();
        for (std::size_t to = 0; to < size(); from = 0) {
            const std::size_t count = std::min(size() - to, table.size() - from);
            check(cudaMemcpy(data() + to, table.data() + from, count * sizeof(bf16), cudaMemcpyHostToDevice), "cudaMemcpy");
            to += count;
        }
        check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    }

    Tensor tensor() const { return Tensor(memory.get(), DType::bf16, {rows, columns}); }
    bf16* data() const { return static_cast<bf16*>(memory.get()); }
    std::size_t size() const { return static_cast<std::size_t>(rows * columns); }
    void poison() const {
        check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");  // memory may be a second-hand one
        check(cudaMemset(memory.get(), 0xff, (size() + guard) * sizeof(bf16)), "cudaMemset");
        check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    }
    std::vector<float> values(std::int64_t from = 0, std::int64_t count = -1) const {
        count = std::min(count < 0 ? rows : count, rows - from);
        std::vector<std::uint16_t> bits(static_cast<std::size_t>(count * columns));
        backend.synchronize();
        check(cudaMemcpy(bits.data(), data() + from * columns, bits.size() * sizeof(bf16), cudaMemcpyDeviceToHost),
              "cudaMemcpy");
        std::vector<float> values(bits.size());
        std::ranges::transform(bits, values.begin(), bfloat16_to_float);
        return values;
    }
    bool guard_is_whole() const {
        std::vector<std::uint16_t> bits(guard);
        backend.synchronize();
        check(cudaMemcpy(bits.data(), data() + size(), guard * sizeof(bf16), cudaMemcpyDeviceToHost), "cudaMemcpy");
        return std::ranges::all_of(bits, [](std::uint16_t each) { return each == 0xffff; });
    }

    CudaBackend& backend;
    std::int64_t rows, columns;
    Buffer memory;
};

struct Difference {
    double relative = 0;  ///< ‖a - b‖ / ‖b‖
    double unequal = 0;   ///< part of the elements that are not the same bits
};
Difference difference(const std::vector<float>& a, const std::vector<float>& b) {
    double off = 0, norm = 0, unequal = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
        off += d * d;
        norm += static_cast<double>(b[i]) * static_cast<double>(b[i]);
        unequal += !(a[i] == b[i]);
    }
    const double relative = norm > 0 ? std::sqrt(off / norm) : off > 0 ? INFINITY : 0;
    return {std::isnan(off) ? INFINITY : relative, a.empty() ? 0 : unequal / static_cast<double>(a.size())};
}

int failures = 0;
void report(const std::string& what, const Difference& d, double most_relative, double most_unequal) {
    const bool good = d.relative <= most_relative && d.unequal <= most_unequal;
    failures += !good;
    if (!good) std::printf("WRONG %s: off %.3g, unequal %.3g\n", what.c_str(), d.relative, d.unequal);
}


struct Variant {
    const char* name;
    sm90::GatedVariant variant;
};
constexpr std::array variants = {Variant{"c2 b16", {true, 2, 16}}, Variant{"c2 b8", {true, 2, 8}},
                                 Variant{"c2 b32", {true, 2, 32}}, Variant{"c4 b16", {true, 4, 16}},
                                 Variant{"c4 b32", {true, 4, 32}}, Variant{"c1 b16", {true, 1, 16}},
                                 Variant{"c1 b8", {true, 1, 8}},   Variant{"c2 b16 no prefetch", {false, 2, 16}}};

void check_size(CudaBackend& backend, const Device& device, sm90::GatedSize size, Activation activation,
                const Variant& variant) {
    const auto [rows, columns, inner] = size;
    const std::string name = std::string(variant.name) + (activation == Activation::silu ? " silu " : " gelu ") +
                             std::to_string(rows) + " x " + std::to_string(columns) + " over " + std::to_string(inner);
    const int before = failures;
    std::printf("%s\n", name.c_str());
    // Of a large result the first and the last rows are looked at.
    const std::int64_t part = size.rows * size.columns > 20000000 ? 300 : rows;
    const auto same = [&](const std::string& what, const Matrix& a, const Matrix& b, double relative, double unequal) {
        for (const std::int64_t from : {std::int64_t{0}, rows - part})
            report(name + ": " + what, difference(a.values(from, part), b.values(from, part)), relative, unequal);
        if (!a.guard_is_whole()) ++failures, std::printf("WRONG %s: %s writes behind its end\n", name.c_str(), what.c_str());
    };
    {
        const Matrix x(backend, rows, inner, 1, 1), w(backend, 2 * columns, inner, 1 / std::sqrt(static_cast<float>(inner)), 2);
        const Matrix gate_up(backend, rows, 2 * columns), plain(backend, rows, 2 * columns), out(backend, rows, columns),
            out_alone(backend, rows, columns), gates_alone(backend, rows, 2 * columns), expected(backend, rows, columns);
        sm90::gated_forward(device, backend.stream(), out.data(), gate_up.data(), x.data(), w.data(), size, activation, variant.variant);
        sm90::gated_forward(device, backend.stream(), out_alone.data(), nullptr, x.data(), w.data(), size, activation, variant.variant);
        sm90::gated_forward(device, backend.stream(), nullptr, gates_alone.data(), x.data(), w.data(), size, activation, variant.variant);
        backend.linear(plain.tensor(), x.tensor(), w.tensor());
        backend.glu(expected.tensor(), gate_up.tensor(), activation);
        same("gate and up", gate_up, plain, 1e-3, 0.02);
        same("output of its gate and up", out, expected, 0, 0);
        same("output alone", out_alone, out, 0, 0);
        same("gate and up alone", gates_alone, gate_up, 0, 0);
    }
    {
        const Matrix d_out(backend, rows, inner, 1, 3), w(backend, inner, columns, 1 / std::sqrt(static_cast<float>(inner)), 4),
            gate_up(backend, rows, 2 * columns, 1, 5);
        const Matrix d_gate_up(backend, rows, 2 * columns), out(backend, rows, columns), d_act(backend, rows, columns),
            d_expected(backend, rows, 2 * columns), expected(backend, rows, columns), in_place(backend, rows, 2 * columns, 1, 5),
            again(backend, rows, columns);
        sm90::gated_backward(device, backend.stream(), d_gate_up.data(), out.data(), d_out.data(), w.data(), gate_up.data(), size,
                             activation, variant.variant);
        sm90::gated_backward(device, backend.stream(), in_place.data(), again.data(), d_out.data(), w.data(), in_place.data(), size,
                             activation, variant.variant);
        backend.linear_backward_input(d_act.tensor(), d_out.tensor(), w.tensor());
        backend.glu_backward(d_expected.tensor(), expected.tensor(), d_act.tensor(), gate_up.tensor(), activation);
        same("gradient", d_gate_up, d_expected, 1e-3, 0.02);
        same("output again", out, expected, 0, 0);
        same("gradient in place", in_place, d_gate_up, 0, 0);
        same("output in place", again, out, 0, 0);
    }
    if (failures > before) std::printf("%s: %d wrong\n", name.c_str(), failures - before);
    std::fflush(stdout);
}

double median(std::vector<float> values) {
    std::ranges::sort(values);
    return static_cast<double>(values[values.size() / 2]);
}

struct Timed {
    std::string name;
    std::function<void()> call;
    std::vector<float> milliseconds = {};
};

/// All take turns, so that a change of the clock meets all of them.
void time(cudaStream_t stream, std::vector<Timed>& all) {
    cudaEvent_t begin = nullptr, end = nullptr;
    check(cudaEventCreate(&begin), "cudaEventCreate");
    check(cudaEventCreate(&end), "cudaEventCreate");
    constexpr int rounds = 12, calls = 4;
    for (int round = -1; round < rounds; ++round)
        for (Timed& each : all) {
            float spent = 0;
            each.call();  // after another kernel caches and clock are not its own
            check(cudaEventRecord(begin, stream), "cudaEventRecord");
            for (int i = 0; i < calls; ++i) each.call();
            check(cudaEventRecord(end, stream), "cudaEventRecord");
            check(cudaEventSynchronize(end), each.name.c_str());
            check(cudaEventElapsedTime(&spent, begin, end), "cudaEventElapsedTime");
            if (round >= 0) each.milliseconds.push_back(spent / calls);
        }
    check(cudaEventDestroy(begin), "cudaEventDestroy");
    check(cudaEventDestroy(end), "cudaEventDestroy");
}

void speed(CudaBackend& backend, const Device& device, const char* model, sm90::GatedSize size) {
    const auto [rows, columns, inner] = size;
    const Activation silu = Activation::silu;
    const auto print = [&](const std::vector<Timed>& all, double flops) {
        for (const Timed& each : all) {
            const double ms = median(each.milliseconds);
            std::printf("%-5s %6lld rows  %-40s %7.4f ms  %6.1f TFLOP/s\n", model, static_cast<long long>(rows), each.name.c_str(),
                        ms, flops / ms * 1e-9);
        }
        std::fflush(stdout);
    };
    {
        const Matrix x(backend, rows, inner, 1, 1), w(backend, 2 * columns, inner, 0.02f, 2), gate_up(backend, rows, 2 * columns),
            out(backend, rows, columns);
        std::vector<Timed> all;
        all.push_back({"forward, cuBLASLt", [&] { backend.linear(gate_up.tensor(), x.tensor(), w.tensor()); }});
        all.push_back({"forward, pass", [&] { backend.glu(out.tensor(), gate_up.tensor(), silu); }});
        for (const Variant& each : variants) {
            all.push_back({std::string("forward, kept, ") + each.name, [&] {
                               sm90::gated_forward(device, backend.stream(), out.data(), gate_up.data(), x.data(), w.data(), size, silu,
                                                   each.variant);
                           }});
            all.push_back({std::string("forward, not kept, ") + each.name, [&] {
                               sm90::gated_forward(device, backend.stream(), out.data(), nullptr, x.data(), w.data(), size, silu,
                                                   each.variant);
                           }});
        }
        time(backend.stream(), all);
        print(all, 4.0 * static_cast<double>(rows) * static_cast<double>(columns) * static_cast<double>(inner));
    }
    {
        const Matrix d_out(backend, rows, inner, 1, 3), w(backend, inner, columns, 0.02f, 4), gate_up(backend, rows, 2 * columns, 1, 5);
        const Matrix d_gate_up(backend, rows, 2 * columns), out(backend, rows, columns), d_act(backend, rows, columns);
        std::vector<Timed> all;
        all.push_back({"backward, cuBLASLt", [&] { backend.linear_backward_input(d_act.tensor(), d_out.tensor(), w.tensor()); }});
        all.push_back({"backward, pass", [&] { backend.glu_backward(d_gate_up.tensor(), out.tensor(), d_act.tensor(), gate_up.tensor(), silu); }});
        for (const Variant& each : variants)
            all.push_back({std::string("backward, ") + each.name, [&] {
                               sm90::gated_backward(device, backend.stream(), d_gate_up.data(), out.data(), d_out.data(), w.data(),
                                                    gate_up.data(), size, silu, each.variant);
                           }});
        time(backend.stream(), all);
        print(all, 2.0 * static_cast<double>(rows) * static_cast<double>(columns) * static_cast<double>(inner));
    }
}

int run(bool checks) {
    CudaBackend backend({});
    const Device device = use_device(0);
    if (device.capability != 90) {
        std::printf("skipped: %s is no Hopper GPU\n", device.name.c_str());
        return 0;
    }
    if (!checks) {
        speed(backend, device, "1b", {16264, 8192, 2048});
        speed(backend, device, "1b", {7087, 8192, 2048});
        speed(backend, device, "8b", {16384, 14336, 4096});
        speed(backend, device, "1.5b", {16300, 8960, 1536});
        speed(backend, device, "1b", {2048, 8192, 2048});
        speed(backend, device, "1b", {700, 8192, 2048});
        speed(backend, device, "0.5b", {16300, 4864, 896});
        speed(backend, device, "0.5b", {1500, 4864, 896});
        return 0;
    }
    int cases = 0;
    for (const Variant& variant : variants) {
        std::vector<sm90::GatedSize> sizes = {{128, 128, 512}, {256, 256, 1024}, {1000, 1160, 520}};
        if (&variant == variants.data())
            for (const sm90::GatedSize size : std::initializer_list<sm90::GatedSize>{
                     {1, 8, 8}, {1, 128, 64}, {63, 200, 72}, {65, 64, 128}, {127, 136, 136}, {129, 384, 2048}, {200, 8, 1000},
                     {257, 1000, 64}, {300, 264, 3000}, {4100, 2056, 1544}, {16264, 8192, 2048}, {2999, 14336, 4096}})
                sizes.push_back(size);
        for (const sm90::GatedSize& size : sizes)
            for (const Activation activation : {Activation::silu, Activation::gelu_tanh}) {
                if (size.rows * size.columns > 20000000 && activation != Activation::silu) continue;
                check_size(backend, device, size, activation, variant);
                ++cases;
            }
    }
    std::printf("%d cases, %d wrong\n", cases, failures);
    return failures > 0;
}

}  // namespace

int main(int count, char** arguments) {
    try {
        return run(count > 1 && std::string_view(arguments[1]) == "check");
    } catch (const Error& error) {
        std::fprintf(stderr, "gated_benchmark: %s\n", error.what());
        return 1;
    }
}
