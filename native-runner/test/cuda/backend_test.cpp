#include <algorithm>
#include <random>

#include "conformance/test_device.h"
#include "core/error.h"

using namespace wishbone;
using namespace wishbone::conformance;

// What is asked of the CUDA backend alone; what is asked of every backend is in test/conformance.

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
            device.backend.linear_backward_weight(d_w, td, tx);
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
