#include <algorithm>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/head/softcap.cuh"
#include "backend/cuda/primitives/packed.cuh"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/require.h"
#include "backend/cuda/runtime/check.h"

// Logits as in logps.cu: bf16, rows `ld` elements apart, the vocabulary rounded up to a multiple of 8.

namespace wishbone::cuda {
namespace {

constexpr int block_threads = 512;
constexpr int N = bf16_vector;
constexpr std::int64_t chunk_bytes = std::int64_t{512} << 20;

/// out[row] = log sum exp(2 · (logit - lse)), a block a row; no term is above 1, so nothing overflows.
template <bool Capped>
__global__ void __launch_bounds__(block_threads)
    log_sum_squares_kernel(float* out, const float* lse, const bf16* logits, int vocabulary, std::int64_t ld,
                           Cap<Capped> cap) {
    const bf16* row = logits + blockIdx.x * ld;
    const float normaliser = lse[blockIdx.x];
    const int lane = static_cast<int>(threadIdx.x), whole = vocabulary / N;
    float sum = 0;
    for (int at = lane; at < whole; at += block_threads) {
        float x[N];
        Packed<N>::load(row + at * N).unpack(x);
#pragma unroll
        for (int j = 0; j < N; ++j) sum += __expf(2 * (cap(x[j]) - normaliser));
    }
    if (const int at = whole * N + lane; at < vocabulary)
        sum += __expf(2 * (cap(__bfloat162float(row[at])) - normaliser));
    __shared__ float parts[block_threads / 32];
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
    if (lane % 32 == 0) parts[lane / 32] = sum;
    __syncthreads();
    if (lane != 0) return;
    float total = 0;
    for (const float part : parts) total += part;
    out[blockIdx.x] = logf(total);
}

}  // namespace

void CudaBackend::head_log_sum_squares(Tensor out, Tensor kept_logits, Tensor hidden, Tensor head, Tensor lse,
                                       float softcap) {
    require(hidden.rank == 2 && head.rank == 2 && is_bf16(hidden, {hidden.shape[0], hidden.shape[1]}) &&
                is_bf16(head, {head.shape[0], hidden.shape[1]}) && is_f32(out, {hidden.shape[0]}) &&
                is_f32(lse, {hidden.shape[0]}) && head.shape[0] < (1 << 30) &&
                (!kept_logits || is_bf16(kept_logits, {kept_logits.shape[0], head.shape[0]})),
            "head_log_sum_squares");
    const std::int64_t rows = hidden.shape[0], width = hidden.shape[1], vocabulary = head.shape[0];
    if (rows == 0 || vocabulary == 0) return;
    const std::int64_t ld = divide_up(vocabulary, N) * N;
    const std::int64_t kept = kept_logits ? kept_logits.shape[0] * vocabulary / ld : 0;
    const std::int64_t chunk = std::max<std::int64_t>(chunk_bytes / (2 * ld) / 128, 1) * 128;
    auto* const scratch = static_cast<bf16*>(
        workspace(static_cast<std::size_t>(std::min(chunk, rows - kept) * ld) * sizeof(bf16)));
    for (std::int64_t begin = 0; begin < rows;) {
        const bool keep = begin < kept;
        const std::int64_t end = keep ? kept : std::min(begin + chunk, rows);
        bf16* const logits = keep ? kept_logits.as<bf16>() : scratch;
        if (!keep)
            matmul_.run({.transpose_a = true,
                         .transpose_b = false,
                         .m = vocabulary,
                         .n = end - begin,
                         .k = width,
                         .lda = width,
                         .ldb = width,
                         .ldd = ld,
                         .accumulate = false},
                        logits, head.as<bf16>(), hidden.as<bf16>() + begin * width);
        with_cap(softcap, [&](auto cap) {
            log_sum_squares_kernel<<<static_cast<unsigned>(end - begin), block_threads, 0, stream_.get()>>>(
                out.as<float>() + begin, lse.as<float>() + begin, logits, static_cast<int>(vocabulary), ld, cap);
            check_launch("log_sum_squares");
        });
        begin = end;
    }
}

}  // namespace wishbone::cuda
