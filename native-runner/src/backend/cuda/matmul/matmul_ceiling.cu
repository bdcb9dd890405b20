#include <algorithm>
#include <array>

#include "backend/cuda/cuda_backend.h"
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

}  // namespace

double CudaBackend::measure_matmul_ceiling() {
    constexpr std::int64_t size = 8192;
    constexpr std::size_t bytes = static_cast<std::size_t>(size * size) * sizeof(bf16);
    // A card that comes from idle runs faster for about a tenth of a second, before its power is limited: an H200 804 TFLOP/s,
    // then 680 for as long as one asks. A run's steps last longer than that.
    constexpr float warm_up = 250;  // ms
    double median = 0;
    {
        const Buffer memory = allocate(3 * bytes);
        auto* const a = static_cast<bf16*>(memory.get());
        bf16 *const b = a + size * size, *const out = b + size * size;
        constexpr auto elements = static_cast<std::uint32_t>(2 * size * size);
        fill_random<<<elements / 256, 256, 0, stream_.get()>>>(a, elements);
        check_launch("fill_random");
        const Product product{.transpose_a = true,
                              .transpose_b = false,
                              .m = size,
                              .n = size,
                              .k = size,
                              .lda = size,
                              .ldb = size,
                              .ldd = size,
                              .accumulate = false};
        const Timer timer;
        const auto timed = [&] {
            float milliseconds = 0;
            check(cudaEventRecord(timer.begin, stream_.get()), "cudaEventRecord");
            matmul_.run(product, out, a, b);
            check(cudaEventRecord(timer.end, stream_.get()), "cudaEventRecord");
            check(cudaEventSynchronize(timer.end), "measuring a matrix product");
            check(cudaEventElapsedTime(&milliseconds, timer.begin, timer.end), "cudaEventElapsedTime");
            return milliseconds;
        };
        for (float total = 0; total < warm_up;) total += timed();
        std::array<float, 15> milliseconds{};
        for (float& each : milliseconds) each = timed();
        std::ranges::sort(milliseconds);
        median = static_cast<double>(milliseconds[milliseconds.size() / 2]);
    }
    memory_->trim();  // nothing else is this large so early
    constexpr double flops = 2.0 * size * size * size;
    return flops / (median * 1e-3);
}

}  // namespace wishbone::cuda
