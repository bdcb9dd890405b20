#include <algorithm>
#include <numeric>
#include <vector>

#include "backend/adamw_factors.h"
#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/primitives/vector_math.h"
#include "backend/require.h"

namespace wishbone::cpu {
namespace {

WISHBONE_CLONES
void update(std::int64_t count, float* p, const float* grad, float* m, float* v, const AdamWFactors& f) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) {
        const float g = grad[i] * f.grad_scale;
        const float first = f.beta1 * m[i] + f.one_minus_beta1 * g;
        const float second = f.beta2 * v[i] + f.one_minus_beta2 * g * g;
        m[i] = first;
        v[i] = second;
        p[i] = p[i] * f.decay -
               f.step_size * first / (__builtin_sqrtf(second) * f.inv_sqrt_correction2 + f.epsilon);
    }
}

WISHBONE_CLONES
double squares(std::int64_t count, const float* x) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    return sum;
}

WISHBONE_CLONES
void multiply(std::int64_t count, float* x, float factor) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) x[i] *= factor;
}

constexpr std::int64_t block = 1 << 15;

}  // namespace

double CpuBackend::sum_of_squares(Tensor x) {
    require(x.dtype == DType::f32, "sum_of_squares");
    const std::int64_t size = x.size();
    std::vector<double> parts(static_cast<std::size_t>((size + block - 1) / block));
    pool_.run(static_cast<std::int64_t>(parts.size()), [&](std::int64_t i, int) {
        parts[static_cast<std::size_t>(i)] =
            squares(std::min(block, size - i * block), x.as<float>() + i * block);
    });
    return std::accumulate(parts.begin(), parts.end(), 0.0);
}

void CpuBackend::scale(Tensor x, float factor) {
    require(x.dtype == DType::f32, "scale");
    const std::int64_t size = x.size();
    pool_.run_rows(size, 1, [&](std::int64_t begin, std::int64_t end) {
        multiply(end - begin, x.as<float>() + begin, factor);
    });
}

void CpuBackend::adamw(Tensor parameters, Tensor master, Tensor grad, Tensor m, Tensor v, float grad_scale,
                       const AdamW& options) {
    const std::int64_t size = parameters.size();
    require(parameters.dtype == DType::f32 && !master && grad.dtype == DType::f32 && m.dtype == DType::f32 &&
                v.dtype == DType::f32 && grad.size() == size && m.size() == size && v.size() == size &&
                options.step >= 1,
            "adamw");
    const AdamWFactors factors = AdamWFactors::of(options, grad_scale);
    pool_.run_rows(size, 1, [&](std::int64_t begin, std::int64_t end) {
        update(end - begin, parameters.as<float>() + begin, grad.as<float>() + begin, m.as<float>() + begin,
               v.as<float>() + begin, factors);
    });
}

}  // namespace wishbone::cpu
