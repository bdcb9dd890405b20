#include <algorithm>
#include <array>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/matmul/linear.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {
namespace {

/// Numbers between -1 and 1 that look random. (On zeros the chip draws less power and runs faster.)
__global__ void fill_random(bf16* x, std::uint32_t count) {
    const std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    std::uint32_t bits = (i ^ i >> 16) * 0x7feb352du;
    bits = (bits ^ bits >> 15) * 0x846ca68bu;
    bits ^= bits >> 16;
    const float sum = static_cast<float>(bits & 0xffff) + static_cast<float>(bits >> 16);
    x[i] = __float2bfloat16_rn(sum / 65536.0f - 1.0f);
}

struct Timer {
    Timer() {
        check(cudaEventCreate(&begin), "cudaEventCreate");
        check(cudaEventCreate(&end), "cudaEventCreate");
    }
    ~Timer() {
        if (begin != nullptr) (void)cudaEventDestroy(begin);
        if (end != nullptr) (void)cudaEventDestroy(end);
    }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    cudaEvent_t begin = nullptr, end = nullptr;
};

constexpr std::int64_t size = 8192;

/// FLOP/s of products of size³, each of which `run` asks for.
template <typename Run>
double sustained_rate(cudaStream_t stream, Run run) {
    // A card that comes from idle runs faster for about a tenth of a second, before its power is limited: an H200 804 TFLOP/s,
    // then 680 for as long as one asks. A run's steps last longer than that.
    constexpr float warm_up = 250;  // ms
    const Timer timer;
    const auto timed = [&] {
        float milliseconds = 0;
        check(cudaEventRecord(timer.begin, stream), "cudaEventRecord");
        run();
        check(cudaEventRecord(timer.end, stream), "cudaEventRecord");
        check(cudaEventSynchronize(timer.end), "measuring a matrix product");
        check(cudaEventElapsedTime(&milliseconds, timer.begin, timer.end), "cudaEventElapsedTime");
        return milliseconds;
    };
    for (float total = 0; total < warm_up;) total += timed();
    std::array<float, 15> milliseconds{};
    for (float& each : milliseconds) each = timed();
    std::ranges::sort(milliseconds);
    constexpr double flops = 2.0 * size * size * size;
    return flops / (static_cast<double>(milliseconds[milliseconds.size() / 2]) * 1e-3);
}

}  // namespace

double CudaBackend::measure_matmul_ceiling() {
    constexpr std::size_t bytes = static_cast<std::size_t>(size * size) * sizeof(bf16);
    if (matmul_ceiling_ > 0) return matmul_ceiling_;
    {
        const Buffer memory = allocate(3 * bytes);
        auto* const a = static_cast<bf16*>(memory.get());
        bf16 *const b = a + size * size, *const out = b + size * size;
        constexpr auto elements = static_cast<std::uint32_t>(2 * size * size);
        fill_random<<<elements / 256, 256, 0, stream_.get()>>>(a, elements);
        check_launch("fill_random");
        const Product product = linear_product(size, size, size);
        matmul_ceiling_ = sustained_rate(stream_.get(), [&] { matmul_.run(product, out, a, b); });
    }
    memory_->trim();  // nothing else is this large so early
    return matmul_ceiling_;
}

double CudaBackend::measure_fp8_ceiling() {
    constexpr auto elements = static_cast<std::size_t>(size * size);
    constexpr std::size_t scales = size * sizeof(float);
    if (fp8_ceiling_ > 0) return fp8_ceiling_;
    {
        const Buffer memory = allocate(2 * (elements + scales) + 2 * elements * sizeof(bf16));
        auto* const bytes = static_cast<std::byte*>(memory.get());
        const auto matrix = [](std::byte* at) {
            return Fp8Matrix{{at, DType::e4m3, {size, size}}, {at + elements, DType::f32, {size}}};
        };
        const Fp8Matrix x = matrix(bytes), w = matrix(bytes + elements + scales);
        const Tensor out(bytes + 2 * (elements + scales), DType::bf16, {size, size}),
            from(out.as<bf16>() + elements, DType::bf16, {size, size});
        fill_random<<<elements / 256, 256, 0, stream_.get()>>>(from.as<bf16>(),
                                                               static_cast<std::uint32_t>(elements));
        check_launch("fill_random");
        fp8_quantise(x, {}, from);
        fp8_quantise(w, {}, from);
        fp8_ceiling_ = sustained_rate(stream_.get(), [&] { fp8_linear(out, x, w, false); });
    }
    memory_->trim();
    return fp8_ceiling_;
}

}  // namespace wishbone::cuda
