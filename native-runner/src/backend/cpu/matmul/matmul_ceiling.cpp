#include <algorithm>
#include <chrono>

#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/matmul/gemm.h"

namespace wishbone::cpu {

double CpuBackend::measure_matmul_ceiling() {
    using Clock = std::chrono::steady_clock;
    constexpr std::int64_t size = 1536;
    constexpr double flops = 2.0 * size * size * size;
    constexpr double seconds_in_all = 0.6;
    constexpr std::size_t elements = static_cast<std::size_t>(size * size);
    const Buffer memory = allocate(3 * elements * sizeof(float));
    auto* a = static_cast<float*>(memory.get());
    std::fill_n(a, 3 * elements, 0.5f);
    const auto begin = Clock::now();
    double best = 0, spent = 0;
    // The first round also wakes the threads and does not count when there is time for more.
    for (int round = 0; round < 2 || spent < seconds_in_all; ++round) {
        const auto before = Clock::now();
        gemm(pool_, false, true, size, size, size, a, a + elements, a + 2 * elements, false);
        const auto after = Clock::now();
        best = std::max(best, flops / std::chrono::duration<double>(after - before).count());
        spent = std::chrono::duration<double>(after - begin).count();
        if (round == 0 && spent > seconds_in_all) break;
    }
    return best;
}

}  // namespace wishbone::cpu
