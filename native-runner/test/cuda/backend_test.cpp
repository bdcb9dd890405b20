#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "conformance/test_device.h"
#include "core/error.h"

using namespace wishbone;
using namespace wishbone::conformance;

// What is asked of the CUDA backend alone; what is asked of every backend is in test/conformance.

namespace {

/// What several backends find out one after the other, as the cache folder keeps it.
struct Kept {
    std::map<std::string, std::string> values;
    std::string circumstances;
    int added = 0, kept = 0;

    FindingsUnder findings() {
        class Own final : public Findings {
          public:
            explicit Own(Kept& to) : to_(to) {}
            std::optional<std::string> find(const std::string& name) const override {
                const auto found = to_.values.find(name);
                return found == to_.values.end() ? std::nullopt : std::optional(found->second);
            }
            void add(const std::string& name, std::string value) override {
                to_.values[name] = std::move(value);
                ++to_.added;
            }
            void keep() noexcept override { ++to_.kept; }

          private:
            Kept& to_;
        };
        return [this](const std::string& under) {
            circumstances = under;
            return std::make_unique<Own>(*this);
        };
    }
};

}  // namespace

TEST_CASE("cuda: a backend says what it lacks" * doctest::skip(!have_cuda())) {
    CudaOptions options;
    options.cublaslt = "/nonexistent/libcublasLt.so.13";
    CHECK_THROWS_AS(make_cuda_backend(options), Error);
    options = {};
    options.device = 99;
    CHECK_THROWS_AS(make_cuda_backend(options), Error);
    const CudaInfo info = cuda_info();
    CHECK(info.devices[0].memory > 0);
    CHECK(cuda_target().backend().device_name() == info.devices[0].name);
}

TEST_CASE("cuda: products large enough to have their algorithm timed agree with f32" *
          doctest::skip(!have_cuda())) {
    std::mt19937 random(5);
    const std::int64_t inputs = 1032, outputs = 1544;
    const Values w = TestDevice(cuda_target()).random(random, outputs * inputs);
    for (const std::int64_t rows : {1601, 1590, 1601, 1664}) {  // one bucket of lengths
        CAPTURE(rows);
        TestDevice gpu(cuda_target());
        const Values x = gpu.random(random, rows * inputs), d_out = gpu.random(random, rows * outputs),
                     before = reference::random_values(random, at(outputs * inputs));
        struct Result {
            Values out, d_x, d_w;
        };
        const auto run = [&](TestDevice& device) {
            const Tensor tx = device.put(x, {rows, inputs}), tw = device.put(w, {outputs, inputs}),
                         td = device.put(d_out, {rows, outputs}), out = device.poisoned({rows, outputs}),
                         d_x = device.poisoned({rows, inputs}),
                         d_w = device.put_f32(before, {outputs, inputs});
            device.backend.linear(out, tx, tw);
            device.backend.linear_backward_input(d_x, td, tw);
            device.backend.linear_backward_weight(d_w, td, tx, true);
            return Result{device.get(out), device.get(d_x), device.get(d_w)};
        };
        TestDevice cpu(cpu_target());
        const Result found = run(gpu), expected = run(cpu);
        // Numbers are about 35; near zero the rounding of the f32 sum is larger than that of the result.
        CHECK(gpu.off(found.out, expected.out, rounded_once(0, 1.0)) < 1);
        CHECK(gpu.off(found.d_x, expected.d_x, rounded_once(0, 1.0)) < 1);
        CHECK(gpu.off(found.d_w, expected.d_w, {0, 2e-6}) < 1);
    }
}

TEST_CASE(
    "cuda: which algorithms are fastest is kept for the next process, and after settling nothing is timed" *
    doctest::skip(!have_cuda())) {
    Kept kept;
    const std::int64_t inputs = 1032, outputs = 1544;
    const auto open = [&](bool deterministic = false) {
        CudaOptions options;
        options.deterministic = deterministic;
        options.findings = kept.findings();
        return make_cuda_backend(options);
    };
    /// All three products of so many rows, the same numbers every time.
    const auto products = [&](Backend& backend, std::int64_t rows) {
        std::mt19937 random(11);
        TestDevice device(backend);
        const Values x = device.random(random, rows * inputs), w = device.random(random, outputs * inputs),
                     d_out = device.random(random, rows * outputs);
        const Tensor tx = device.put(x, {rows, inputs}), tw = device.put(w, {outputs, inputs}),
                     td = device.put(d_out, {rows, outputs}), out = device.poisoned({rows, outputs}),
                     d_x = device.poisoned({rows, inputs}),
                     d_w = device.put_f32(Values(at(outputs * inputs)), {outputs, inputs});
        backend.linear(out, tx, tw);
        backend.linear_backward_input(d_x, td, tw);
        backend.linear_backward_weight(d_w, td, tx, true);
        return std::array{device.get(out), device.get(d_x), device.get(d_w)};
    };
    const auto first = open();
    const auto results = products(*first, 1601);
    REQUIRE(kept.added == 3);
    CHECK(kept.circumstances.find("cublaslt") != std::string::npos);
    CHECK(kept.circumstances.find("driver") != std::string::npos);
    CHECK(kept.circumstances.find(first->device_name()) != std::string::npos);
    first->settle();
    CHECK(kept.kept == 1);
    // Other lengths, of the class that was met, of the next ones, and far away.
    for (const std::int64_t rows : {1599, 1700, 2500, 900, 5, 40000}) products(*first, rows);
    CHECK(kept.added == 3);

    const auto second = open();
    CHECK(products(*second, 1601) == results);
    CHECK(kept.added == 3);
    const auto deterministic = open(true);
    products(*deterministic, 1601);
    CHECK(kept.added == 3);

    // What is no algorithm is found out again.
    for (auto& [name, value] : kept.values) value = value.substr(1);
    const auto third = open();
    products(*third, 1601);
    CHECK(kept.added == 6);
    for (auto& [name, value] : kept.values) value[5] = 'x';
    const auto fourth = open();
    products(*fourth, 1601);
    CHECK(kept.added == 9);
}
