#include <algorithm>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/head/logits.h"
#include "backend/cuda/head/power_sum.cuh"
#include "backend/cuda/head/sm90/product.h"
#include "backend/cuda/head/softcap.cuh"
#include "backend/cuda/matmul/sm90/suits.h"
#include "backend/cuda/primitives/packed.cuh"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/rows/rows.h"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

constexpr int block_threads = 512;
constexpr int N = bf16_vector;

/// lse[row] of logits [rows, ld], a block a row.
template <bool Capped>
__global__ void __launch_bounds__(block_threads)
    log_sum_exp_kernel(float* lse, const bf16* logits, int vocabulary, std::int64_t ld, Cap<Capped> cap) {
    constexpr int at_once = 4;  // vectors under way
    const bf16* row = logits + blockIdx.x * ld;
    const int whole = vocabulary / N, lane = static_cast<int>(threadIdx.x);
    PowerSum own;
    for (int first = lane; first < whole; first += at_once * block_threads) {
        Packed<N> packed[at_once];
#pragma unroll
        for (int i = 0; i < at_once; ++i)
            if (first + i * block_threads < whole)
                packed[i] = Packed<N>::load(row + (first + i * block_threads) * N);
        float largest = -INFINITY;
#pragma unroll
        for (int i = 0; i < at_once; ++i)
            if (first + i * block_threads < whole) {
                float x[N];
                packed[i].unpack(x);
#pragma unroll
                for (int j = 0; j < N; ++j) largest = fmaxf(largest, cap(x[j]));
            }
        PowerSum part{largest * log2_e, 0};
#pragma unroll
        for (int i = 0; i < at_once; ++i)
            if (first + i * block_threads < whole) {
                float x[N];
                packed[i].unpack(x);
#pragma unroll
                for (int j = 0; j < N; ++j) part.sum += exp2_fast(fmaf(cap(x[j]), log2_e, -part.most));
            }
        own.add(part);
    }
    if (const int at = whole * N + lane; at < vocabulary)
        own.add({cap(__bfloat162float(row[at])) * log2_e, 1.0f});

    __shared__ float2 parts[block_threads / 32];
    const auto over_lanes = [](PowerSum value) {
#pragma unroll
        for (int offset = 16; offset > 0; offset /= 2) {
            PowerSum other;
            other.most = __shfl_xor_sync(0xffffffffu, value.most, offset);
            other.sum = __shfl_xor_sync(0xffffffffu, value.sum, offset);
            value.add(other);
        }
        return value;
    };
    own = over_lanes(own);
    if (lane % 32 == 0) parts[lane / 32] = make_float2(own.most, own.sum);
    __syncthreads();
    if (lane >= 32) return;
    own = {};
    if (lane < block_threads / 32) own = {parts[lane].x, parts[lane].y};
    own = over_lanes(own);
    if (lane == 0) lse[blockIdx.x] = own.log();
}

/// Log-probabilities of the targets whose rows are [begin, end); `logits` are those of row `begin` and on.
template <bool Capped>
__global__ void target_logps_kernel(float* logps, const float* lse, const bf16* logits,
                                    const std::int32_t* row, const std::int32_t* token, std::int64_t targets,
                                    std::int64_t begin, std::int64_t end, std::int64_t ld, Cap<Capped> cap) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= targets || row[i] < begin || row[i] >= end) return;
    logps[i] = cap(__bfloat162float(logits[(row[i] - begin) * ld + token[i]])) - lse[row[i]];
}

/// start[r] = how many targets have a row before r, for r from 0 to `rows`; `order` sorts targets by row.
__global__ void row_starts(std::int32_t* start, const std::int32_t* order, const std::int32_t* row,
                           std::int64_t targets, std::int64_t rows) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i > targets) return;
    const std::int64_t before = i == 0 ? -1 : row[order[i - 1]], here = i == targets ? rows : row[order[i]];
    for (std::int64_t r = before + 1; r <= here; ++r) start[r] = static_cast<std::int32_t>(i);
}

/// Targets by row, and for the gradient kernel two numbers each.
struct TargetsByRow {
    std::int32_t *start, *order;
    float *probability, *slope;
};

/// logits := sum over the row's targets of weight · (one-hot - softmax), a block a row. Rows count from
/// `begin`.
template <bool Capped>
__global__ void __launch_bounds__(block_threads)
    logits_gradient_kernel(bf16* logits, const float* lse, TargetsByRow targets, const std::int32_t* token,
                           const float* weight, std::int64_t begin, int vocabulary, std::int64_t ld,
                           Cap<Capped> cap) {
    bf16* row = logits + blockIdx.x * ld;
    const std::int64_t whose = begin + blockIdx.x;
    const int first = targets.start[whose], last = targets.start[whose + 1];
    const int lane = static_cast<int>(threadIdx.x);
    const float normaliser = lse[whose] * log2_e;
    float total = 0;
    for (int i = first; i < last; ++i) total += weight[targets.order[i]];
    // The targets' own logits are read before they are written over.
    for (int i = first + lane; i < last; i += block_threads) {
        const float z = __bfloat162float(row[token[targets.order[i]]]);
        targets.probability[i] = exp2_fast(fmaf(cap(z), log2_e, -normaliser));
        targets.slope[i] = cap.slope(z);
    }
    __syncthreads();
    const auto gradient = [&](float z) {
        return -total * exp2_fast(fmaf(cap(z), log2_e, -normaliser)) * cap.slope(z);
    };
    const int whole = vocabulary / N;
#pragma unroll 4
    for (int at = lane; at < whole; at += block_threads) {
        float x[N];
        Packed<N>::load(row + at * N).unpack(x);
#pragma unroll
        for (int j = 0; j < N; ++j) x[j] = gradient(x[j]);
        Packed<N>::pack(x).store(row + at * N);
    }
    if (const int at = whole * N + lane; at < vocabulary)
        row[at] = __float2bfloat16_rn(gradient(__bfloat162float(row[at])));
    __syncthreads();
    // Targets of one row may share a token (a prefix common to several responses): the first writes for all.
    for (int i = first + lane; i < last; i += block_threads) {
        const std::int32_t mine = token[targets.order[i]];
        float sum = 0;
        bool is_first = true;
        for (int j = first; j < last && is_first; ++j)
            if (token[targets.order[j]] == mine) {
                is_first = j >= i;
                sum += weight[targets.order[j]];
            }
        if (is_first)
            row[mine] = __float2bfloat16_rn((sum - total * targets.probability[i]) * targets.slope[i]);
    }
}

}  // namespace

std::size_t CudaBackend::kept_logits_budget() const {
    return static_cast<std::size_t>(most_kept_logit_bytes);
}

void CudaBackend::head_logps(Tensor logps, Tensor lse, Tensor kept_logits, Tensor hidden, Tensor head,
                             HeadTargets targets, float softcap) {
    require(fit(kept_logits, hidden, head, lse) && fit(targets) && is_f32(logps, {targets.row.shape[0]}),
            "head_logps");
    const Head h(kept_logits, hidden, head, targets);
    if (h.rows == 0 || h.vocabulary == 0) return;
    if (softcap == 0 && sm90::product::suits(device_, {h.rows, h.ld, h.width}, sm90::product::tile_columns,
                                             {hidden.data, head.data})) {
        const sm90::product::Size size{h.rows, h.vocabulary, h.width};
        return sm90::head_logps(device_, stream_.get(),
                                {.row = targets.row.as<std::int32_t>(),
                                 .token = targets.token.as<std::int32_t>(),
                                 .count = h.targets,
                                 .logps = logps.as<float>(),
                                 .lse = lse.as<float>()},
                                {.logits = kept_logits.as<bf16>(), .rows = h.kept, .ld = h.ld},
                                hidden.as<bf16>(), head.as<bf16>(), size,
                                workspace(sm90::head_logps_workspace(size, h.targets)));
    }
    auto* const scratch = static_cast<bf16*>(workspace(h.scratch_size(h.chunk) * sizeof(bf16)));
    h.each_chunk(kept_logits.as<bf16>(), scratch, h.chunk, [&](const Head::Chunk& part) {
        const auto [begin, end, is_kept, logits] = part;
        matmul_.run(h.logits(end - begin), logits, head.as<bf16>(), hidden.as<bf16>() + begin * h.width);
        with_cap(softcap, [&](auto cap) {
            log_sum_exp_kernel<<<static_cast<unsigned>(end - begin), block_threads, 0, stream_.get()>>>(
                lse.as<float>() + begin, logits, static_cast<int>(h.vocabulary), h.ld, cap);
            check_launch("log_sum_exp");
            if (h.targets == 0) return;
            target_logps_kernel<<<static_cast<unsigned>(divide_up(h.targets, 256)), 256, 0, stream_.get()>>>(
                logps.as<float>(), lse.as<float>(), logits, targets.row.as<std::int32_t>(),
                targets.token.as<std::int32_t>(), h.targets, begin, end, h.ld, cap);
            check_launch("target_logps");
        });
    });
}

void CudaBackend::head_logps_backward(Tensor d_hidden, Tensor d_head, Tensor kept_logits, Tensor hidden,
                                      Tensor head, Tensor lse, HeadTargets targets, Tensor weight,
                                      float softcap, bool adds) {
    require(fit(kept_logits, hidden, head, lse) && fit(targets) &&
                is_bf16(d_hidden, {hidden.shape[0], hidden.shape[1]}) &&
                (!d_head || is_f32(d_head, {head.shape[0], head.shape[1]})) &&
                is_f32(weight, {targets.row.shape[0]}),
            "head_logps_backward");
    if (d_head && !adds && hidden.shape[0] == 0) zero(d_head);
    const Head h(kept_logits, hidden, head, targets);
    if (h.rows == 0 || h.vocabulary == 0) return;
    // Kept logits have served when their rows are done: their memory takes the others.
    const bool reuse = h.kept >= std::min(h.chunk, h.rows - h.kept);
    const std::int64_t chunk = reuse ? h.kept : h.chunk;
    TargetsByRow by_row{};
    std::int32_t* rank = nullptr;
    bf16* scratch = nullptr;
    const auto share_out = [&](Pieces pieces) {
        by_row = {pieces.take<std::int32_t>(h.rows + 1), pieces.take<std::int32_t>(h.targets),
                  pieces.take<float>(h.targets), pieces.take<float>(h.targets)};
        rank = pieces.take<std::int32_t>(h.targets);
        scratch = pieces.take<bf16>(reuse ? 0 : static_cast<std::int64_t>(h.scratch_size(chunk)));
        return pieces.used();
    };
    share_out(Pieces(workspace(share_out(Pieces()))));
    if (reuse) scratch = kept_logits.as<bf16>();
    const auto* row = targets.row.as<std::int32_t>();
    const auto* token = targets.token.as<std::int32_t>();
    stable_order(stream_.get(), by_row.order, rank, row, h.targets);
    row_starts<<<static_cast<unsigned>(divide_up(h.targets + 1, 256)), 256, 0, stream_.get()>>>(
        by_row.start, by_row.order, row, h.targets, h.rows);
    check_launch("row_starts");

    h.each_chunk(kept_logits.as<bf16>(), scratch, chunk, [&](const Head::Chunk& part) {
        const auto [begin, end, is_kept, logits] = part;
        const bf16* const input = hidden.as<bf16>() + begin * h.width;
        if (!is_kept) matmul_.run(h.logits(end - begin), logits, head.as<bf16>(), input);
        with_cap(softcap, [&](auto cap) {
            logits_gradient_kernel<<<static_cast<unsigned>(end - begin), block_threads, 0, stream_.get()>>>(
                logits, lse.as<float>(), by_row, token, weight.as<float>(), begin,
                static_cast<int>(h.vocabulary), h.ld, cap);
            check_launch("logits_gradient");
        });
        matmul_.run(h.d_hidden(end - begin), d_hidden.as<bf16>() + begin * h.width, head.as<bf16>(), logits);
        if (d_head) matmul_.run(h.d_head(end - begin), d_head.data, input, logits, 1, !adds && begin == 0);
    });
}

}  // namespace wishbone::cuda
