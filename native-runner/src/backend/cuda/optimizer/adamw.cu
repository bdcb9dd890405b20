#include <memory>
#include <type_traits>

#include "backend/adamw_factors.h"
#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

constexpr int block_threads = 256;

struct Factors : AdamWFactors {
    std::uint32_t step;
    std::int64_t first_element;
};

/// N elements of f32 or bf16 moved in one access.
template <int N, typename T>
struct alignas(N * sizeof(T)) Elements {
    T value[N];
};

/// A hash whose every output bit depends on every input bit (an integer finaliser of two multiplications).
__device__ std::uint32_t scramble(std::uint32_t x) {
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

/// 32 random bits that depend on the step and the element alone, so that a resumed run repeats them.
__device__ std::uint32_t random_bits(std::uint32_t step, std::uint64_t element) {
    const auto low = static_cast<std::uint32_t>(element), high = static_cast<std::uint32_t>(element >> 32);
    return scramble(scramble(low ^ high * 0x9e3779b9u) + step * 0x85ebca6bu);
}

/// Rounds up or down with the probability that keeps the expected value; `random` has 16 bits.
__device__ bf16 round_stochastically(float x, std::uint32_t random) {
    const std::uint32_t bits = __float_as_uint(x);
    if ((bits & 0x7f800000u) == 0x7f800000u) return __float2bfloat16_rn(x);  // infinity and NaN
    const __nv_bfloat16_raw raw{static_cast<unsigned short>((bits + random) >> 16)};
    return bf16(raw);
}

__device__ float as_float(float x) { return x; }
__device__ float as_float(bf16 x) { return __bfloat162float(x); }
__device__ void round_to(float& to, float x, std::uint32_t) { to = x; }
__device__ void round_to(bf16& to, float x, std::uint32_t random) { to = round_stochastically(x, random); }

/// What is updated is `master`, or the parameters themselves when P is f32. Every rounding is spelt out: a compiler that chooses what
/// to fuse chooses differently for one element and for four, and then bits would depend on where a range of elements begins.
template <int N, typename P, typename M>
__global__ void __launch_bounds__(block_threads)
    adamw_kernel(P* parameters, float* master, const float* grad, M* m, M* v, std::int64_t count, Factors f) {
    const std::int64_t at = (static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x) * N;
    if (at + N > count) return;
    float* const exact = [&] {
        if constexpr (std::is_same_v<P, float>)
            return parameters;
        else
            return master;
    }();
    auto p = *reinterpret_cast<const Elements<N, float>*>(exact + at);
    const auto g = *reinterpret_cast<const Elements<N, float>*>(grad + at);
    auto first = *reinterpret_cast<const Elements<N, M>*>(m + at);
    auto second = *reinterpret_cast<const Elements<N, M>*>(v + at);
#pragma unroll
    for (int i = 0; i < N; ++i) {
        const float gradient = __fmul_rn(g.value[i], f.grad_scale);
        const float new_m =
            __fmaf_rn(f.beta1, as_float(first.value[i]), __fmul_rn(f.one_minus_beta1, gradient));
        const float new_v = __fmaf_rn(f.beta2, as_float(second.value[i]),
                                      __fmul_rn(__fmul_rn(f.one_minus_beta2, gradient), gradient));
        const float divisor = __fmaf_rn(__fsqrt_rn(new_v), f.inv_sqrt_correction2, f.epsilon);
        std::uint32_t random = 0;
        if constexpr (!std::is_same_v<M, float>)
            random = random_bits(f.step, static_cast<std::uint64_t>(f.first_element + at + i));
        round_to(first.value[i], new_m, random & 0xffffu);
        round_to(second.value[i], new_v, random >> 16);
        p.value[i] = __fmaf_rn(p.value[i], f.decay, -__fdiv_rn(__fmul_rn(f.step_size, new_m), divisor));
    }
    *reinterpret_cast<Elements<N, float>*>(exact + at) = p;
    *reinterpret_cast<Elements<N, M>*>(m + at) = first;
    *reinterpret_cast<Elements<N, M>*>(v + at) = second;
    if constexpr (!std::is_same_v<P, float>) {
        Elements<N, P> rounded;
#pragma unroll
        for (int i = 0; i < N; ++i) rounded.value[i] = __float2bfloat16_rn(p.value[i]);
        *reinterpret_cast<Elements<N, P>*>(parameters + at) = rounded;
    }
}

/// A point of one stream, awaited by another.
class Reached final : public Milestone {
  public:
    Reached(cudaStream_t of, cudaStream_t awaiting) : awaiting_(awaiting) { reached_.record(of); }
    void await() override { reached_.hold(awaiting_); }

  private:
    cudaStream_t awaiting_;
    Event reached_;
};

}  // namespace

void CudaBackend::adamw_on(cudaStream_t stream, Tensor parameters, Tensor master, Tensor grad, Tensor m,
                           Tensor v, float grad_scale, const AdamW& options) {
    const std::int64_t size = parameters.size();
    const bool copied = parameters.dtype == DType::bf16;
    require((copied ? master.dtype == DType::f32 && master.size() == size
                    : parameters.dtype == DType::f32 && !master) &&
                grad.dtype == DType::f32 && (m.dtype == DType::f32 || m.dtype == DType::bf16) &&
                v.dtype == m.dtype && grad.size() == size && m.size() == size && v.size() == size &&
                options.step >= 1,
            "adamw");
    if (size == 0) return;
    const Factors factors{AdamWFactors::of(options, grad_scale), static_cast<std::uint32_t>(options.step),
                          options.first_element};
    const auto run = [&]<typename P, typename M>(P* p, M* first, M* second) {
        constexpr int N = 4;
        auto* exact = master.as<float>();
        auto* gradient = grad.as<float>();
        const std::int64_t whole = vectorised(N * 2, {p, exact, gradient, first, second}) ? size / N * N : 0;
        if (whole > 0)
            adamw_kernel<N, P, M>
                <<<static_cast<unsigned>(divide_up(whole, block_threads * N)), block_threads, 0, stream>>>(
                    p, exact, gradient, first, second, whole, factors);
        if (whole < size) {
            Factors rest = factors;
            rest.first_element += whole;
            adamw_kernel<1, P, M>
                <<<static_cast<unsigned>(divide_up(size - whole, block_threads)), block_threads, 0, stream>>>(
                    p + whole, exact == nullptr ? nullptr : exact + whole, gradient + whole, first + whole,
                    second + whole, size - whole, rest);
        }
        check_launch("adamw");
    };
    const auto with_moments = [&]<typename P>(P* p) {
        if (m.dtype == DType::f32)
            run(p, m.as<float>(), v.as<float>());
        else
            run(p, m.as<bf16>(), v.as<bf16>());
    };
    if (copied)
        with_moments(parameters.as<bf16>());
    else
        with_moments(parameters.as<float>());
}

void CudaBackend::adamw(Tensor parameters, Tensor master, Tensor grad, Tensor m, Tensor v, float grad_scale,
                        const AdamW& options) {
    adamw_on(stream_.get(), parameters, master, grad, m, v, grad_scale, options);
}

std::unique_ptr<Milestone> CudaBackend::adamw_beside(Tensor parameters, Tensor master, Tensor grad, Tensor m,
                                                     Tensor v, float grad_scale, const AdamW& options) {
    asked_.record(stream_.get());
    asked_.hold(beside_.get());
    adamw_on(beside_.get(), parameters, master, grad, m, v, grad_scale, options);
    return std::make_unique<Reached>(beside_.get(), stream_.get());
}

}  // namespace wishbone::cuda
