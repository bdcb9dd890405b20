// Gated units in the epilogue of products of our own (gated/sm90, Hopper), beside cuBLASLt's product and a pass behind it:
// milliseconds of both, sizes of the models of benchmarks and of a small one.
//   gated_benchmark

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <random>
#include <vector>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/gated/sm90/product.h"
#include "backend/cuda/runtime/check.h"
#include "core/error.h"
#include "core/half.h"

namespace {

using namespace wishbone;
using cuda::sm90::product::Size;

/// Random numbers; a few million are read round and round.
struct Matrix {
    Matrix(Backend& backend, std::int64_t rows, std::int64_t columns, float spread)
        : memory(backend.allocate(static_cast<std::size_t>(rows * columns) * sizeof(__nv_bfloat16))),
          tensor(memory.get(), DType::bf16, {rows, columns}) {
        std::vector<std::uint16_t> drawn(4194301);
        std::mt19937 random(7);
        std::normal_distribution<float> normal(0.0f, spread);
        for (std::uint16_t& each : drawn) each = float_to_bfloat16(normal(random));
        Tensor flat = tensor;
        flat.rank = 1;
        flat.shape = {rows * columns, 0, 0, 0};
        const auto count = static_cast<std::int64_t>(drawn.size());
        for (std::int64_t begin = 0; begin < flat.size(); begin += count)
            backend.upload(flat.slice(begin, std::min(flat.size(), begin + count)), drawn.data());
    }
    operator Tensor() const { return tensor; }
    __nv_bfloat16* data() const { return tensor.as<__nv_bfloat16>(); }

    Buffer memory;
    Tensor tensor;
};

class Clock {
  public:
    explicit Clock(cudaStream_t stream) : stream_(stream) {
        cuda::check(cudaEventCreate(&begin_), "cudaEventCreate");
        cuda::check(cudaEventCreate(&end_), "cudaEventCreate");
    }
    ~Clock() {
        (void)cudaEventDestroy(begin_);
        (void)cudaEventDestroy(end_);
    }
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;

    /// Milliseconds of some calls, a call each.
    float time(const std::function<void()>& call) {
        constexpr int calls = 4;
        call();  // after another kernel cache and clock are not its own
        cuda::check(cudaEventRecord(begin_, stream_), "cudaEventRecord");
        for (int i = 0; i < calls; ++i) call();
        cuda::check(cudaEventRecord(end_, stream_), "cudaEventRecord");
        cuda::check(cudaEventSynchronize(end_), "gated_benchmark");
        float spent = 0;
        cuda::check(cudaEventElapsedTime(&spent, begin_, end_), "cudaEventElapsedTime");
        return spent / calls;
    }

  private:
    cudaStream_t stream_;
    cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

/// Product, pass and both in one, in turns, so that a change of the clock meets all of them.
void compare(cudaStream_t stream, const char* what, double flops,
             const std::array<std::function<void()>, 3>& calls) {
    Clock clock(stream);
    constexpr int rounds = 15;
    std::array<std::vector<float>, 3> times;
    for (int round = -2; round < rounds; ++round)
        for (std::size_t i = 0; i < calls.size(); ++i) {
            const float each = clock.time(calls[i]);
            if (round >= 0) times[i].push_back(each);
        }
    std::array<double, 3> median{};
    for (std::size_t i = 0; i < calls.size(); ++i) {
        std::ranges::sort(times[i]);
        median[i] = static_cast<double>(times[i][rounds / 2]);
    }
    std::printf("  %-22s %8.4f ms (%3.0f TFLOP/s) and %8.4f ms; in one %8.4f ms (%3.0f TFLOP/s)\n", what,
                median[0], flops / median[0] * 1e-9, median[1], median[2], flops / median[2] * 1e-9);
    std::fflush(stdout);
}

void measure(cuda::CudaBackend& backend, const cuda::Device& device, const char* model, Size size) {
    const auto [rows, columns, inner] = size;
    constexpr Activation silu = Activation::silu;
    std::printf("%s, %lld rows\n", model, static_cast<long long>(rows));
    const double flops =
        2.0 * static_cast<double>(rows) * static_cast<double>(columns) * static_cast<double>(inner);
    const Matrix x(backend, rows, inner, 1.0f), up(backend, 2 * columns, inner, 0.02f),
        down(backend, inner, columns, 0.02f), gate_up(backend, rows, 2 * columns, 1.0f),
        d_gate_up(backend, rows, 2 * columns, 1.0f), out(backend, rows, columns, 1.0f),
        d_product(backend, rows, columns, 1.0f);
    const auto forward = [&](__nv_bfloat16* kept) {
        cuda::sm90::gated_forward(device, backend.stream(), out.data(), kept, {x.data(), up.data()}, size,
                                  silu);
    };
    const auto linear = [&] { backend.linear(gate_up, x, up); };
    const auto unit = [&] { backend.glu(out, gate_up, silu); };
    compare(backend.stream(), "forward, gates kept", 2 * flops,
            {linear, unit, [&] { forward(gate_up.data()); }});
    compare(backend.stream(), "forward, not kept", 2 * flops, {linear, unit, [&] { forward(nullptr); }});
    compare(backend.stream(), "backward", flops,
            {[&] { backend.linear_backward_input(d_product, x, down); },
             [&] { backend.glu_backward(d_gate_up, out, d_product, gate_up, silu); },
             [&] {
                 cuda::sm90::gated_backward(device, backend.stream(), d_gate_up.data(), out.data(),
                                            {x.data(), down.data()}, gate_up.data(), size, silu);
             }});
}

}  // namespace

int main() {
    try {
        cuda::CudaBackend backend({});
        const cuda::Device device = cuda::use_device(0);
        if (device.capability != 90) {
            std::printf("skipped: the %s is no Hopper GPU\n", device.name.c_str());
            return 0;
        }
        for (const std::int64_t rows : {16264, 7087, 2048, 700})
            measure(backend, device, "1B", {rows, 8192, 2048});
        for (const std::int64_t rows : {16384, 2048}) measure(backend, device, "8B", {rows, 14336, 4096});
        measure(backend, device, "1.5B", {16300, 8960, 1536});
        for (const std::int64_t rows : {16300, 1500}) measure(backend, device, "0.5B", {rows, 4864, 896});
    } catch (const Error& error) {
        std::fprintf(stderr, "gated_benchmark: %s\n", error.what());
        return 1;
    }
}
