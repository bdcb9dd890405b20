#include <algorithm>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/head/logits.h"
#include "backend/cuda/head/softcap.cuh"
#include "backend/cuda/primitives/packed.cuh"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/primitives/warp.cuh"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

constexpr int block_threads = 512;
constexpr int N = bf16_vector;

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
    sum = warp_sum(sum);
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
    require(fit(kept_logits, hidden, head, lse) && is_f32(out, {hidden.shape[0]}), "head_log_sum_squares");
    const Head h(kept_logits, hidden, head);
    if (h.rows == 0 || h.vocabulary == 0) return;
    auto* const scratch = static_cast<bf16*>(workspace(h.scratch_size(h.chunk) * sizeof(bf16)));
    h.each_chunk(kept_logits.as<bf16>(), scratch, h.chunk, [&](const Head::Chunk& part) {
        const auto [begin, end, is_kept, logits] = part;
        if (!is_kept)
            matmul_.run(h.logits(end - begin), logits, head.as<bf16>(), hidden.as<bf16>() + begin * h.width);
        with_cap(softcap, [&](auto cap) {
            log_sum_squares_kernel<<<static_cast<unsigned>(end - begin), block_threads, 0, stream_.get()>>>(
                out.as<float>() + begin, lse.as<float>() + begin, logits, static_cast<int>(h.vocabulary),
                h.ld, cap);
            check_launch("log_sum_squares");
        });
    });
}

}  // namespace wishbone::cuda
