#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/primitives/packed.cuh"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

constexpr int block_threads = 256;

/// N elements a thread; what is left over goes one by one to the first threads behind them.
template <bool ToBf16>
__global__ void __launch_bounds__(block_threads)
    convert_kernel(void* to, const void* from, std::int64_t count, std::int64_t whole) {
    constexpr int N = bf16_vector;
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
    if (i < whole) {
        float x[N];
        if constexpr (ToBf16) {
            const auto* four = static_cast<const float4*>(from) + 2 * i;
            const float4 low = four[0], high = four[1];
            x[0] = low.x, x[1] = low.y, x[2] = low.z, x[3] = low.w;
            x[4] = high.x, x[5] = high.y, x[6] = high.z, x[7] = high.w;
            Packed<N>::pack(x).store(static_cast<bf16*>(to) + i * N);
        } else {
            Packed<N>::load(static_cast<const bf16*>(from) + i * N).unpack(x);
            auto* four = static_cast<float4*>(to) + 2 * i;
            four[0] = make_float4(x[0], x[1], x[2], x[3]);
            four[1] = make_float4(x[4], x[5], x[6], x[7]);
        }
    } else if (const std::int64_t rest = whole * N + (i - whole); rest < count) {
        if constexpr (ToBf16)
            static_cast<bf16*>(to)[rest] = __float2bfloat16_rn(static_cast<const float*>(from)[rest]);
        else
            static_cast<float*>(to)[rest] = __bfloat162float(static_cast<const bf16*>(from)[rest]);
    }
}

}  // namespace

void CudaBackend::copy(Tensor to, Tensor from) {
    const bool to_bf16 = to.dtype == DType::bf16 && from.dtype == DType::f32,
               to_f32 = to.dtype == DType::f32 && from.dtype == DType::bf16;
    require(to.size() == from.size() && (to.dtype == from.dtype || to_bf16 || to_f32), "copy");
    const std::int64_t count = to.size();
    if (count == 0) return;
    if (to.dtype == from.dtype) {
        check(cudaMemcpyAsync(to.data, from.data, to.bytes(), cudaMemcpyDeviceToDevice, stream_.get()),
              "cudaMemcpyAsync on the device");
        return;
    }
    const std::int64_t whole = vectorised(bf16_vector, {to.data, from.data}) ? count / bf16_vector : 0;
    const auto blocks =
        static_cast<unsigned>(divide_up(whole + (count - whole * bf16_vector), block_threads));
    if (to_bf16)
        convert_kernel<true><<<blocks, block_threads, 0, stream_.get()>>>(to.data, from.data, count, whole);
    else
        convert_kernel<false><<<blocks, block_threads, 0, stream_.get()>>>(to.data, from.data, count, whole);
    check_launch("convert");
}

}  // namespace wishbone::cuda
