#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/vector_math.h"
#include "backend/require.h"

namespace wishbone::cpu {
namespace {

WISHBONE_CLONES
void mix_range(std::int64_t count, float* to, const float* from, float share) {
    const float rest = 1 - share;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) to[i] = rest * to[i] + share * from[i];
}

}  // namespace

void CpuBackend::mix(Tensor to, Tensor from, float share) {
    require(to.dtype == DType::f32 && from.dtype == DType::f32 && to.size() == from.size(), "mix");
    pool_.run_rows(to.size(), 1, [&](std::int64_t begin, std::int64_t end) {
        mix_range(end - begin, to.as<float>() + begin, from.as<float>() + begin, share);
    });
}

}  // namespace wishbone::cpu
