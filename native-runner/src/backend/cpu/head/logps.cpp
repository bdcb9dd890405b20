#include <algorithm>
#include <cmath>

#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/head/logits.h"
#include "backend/cpu/matmul/gemm.h"
#include "backend/cpu/primitives/vector_math.h"
#include "backend/require.h"

namespace wishbone::cpu {
namespace {

WISHBONE_CLONES
float log_sum_exp(std::int64_t width, const float* logits) {
    float largest = logits[0];
#pragma omp simd reduction(max : largest)
    for (std::int64_t i = 0; i < width; ++i) largest = logits[i] > largest ? logits[i] : largest;
    const double total = sum_of_exponentials(width, logits, largest, 1.0f);
    return static_cast<float>(static_cast<double>(largest) + std::log(total));
}

/// logits := factor · softmax(logits).
WISHBONE_CLONES
void scaled_softmax(std::int64_t width, float* logits, float lse, float factor) {
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) logits[i] = factor * exp_fast(logits[i] - lse);
}

/// Derivative of a capped logit by the logit: 1 - tanh², where the tanh is capped / cap.
WISHBONE_INLINE float cap_slope(float capped, float cap) {
    const float tangent = capped / cap;
    return 1.0f - tangent * tangent;
}

/// logits := factor · softmax(logits) · cap_slope(logits).
WISHBONE_CLONES
void scaled_softmax_capped(std::int64_t width, float* logits, float lse, float factor, float cap) {
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i)
        logits[i] = factor * exp_fast(logits[i] - lse) * cap_slope(logits[i], cap);
}

bool fit(const Tensor& kept_logits, const Tensor& hidden, const Tensor& head, const Tensor& lse,
         const HeadTargets& targets) {
    const std::int64_t count = targets.row.shape[0];
    return hidden.rank == 2 && head.rank == 2 && hidden.shape[1] == head.shape[1] &&
           is_f32(lse, {hidden.shape[0]}) && is_i32(targets.row, {count}) && is_i32(targets.token, {count}) &&
           (!kept_logits || (is_f32(kept_logits, {kept_logits.shape[0], head.shape[0]}) &&
                             kept_logits.shape[0] <= hidden.shape[0]));
}

}  // namespace

WISHBONE_CLONES
void cap_logits(std::int64_t width, float* logits, float cap) {
    const float inverse = 1.0f / cap;
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) logits[i] = cap * tanh_fast(logits[i] * inverse);
}

std::size_t CpuBackend::kept_logits_budget() const { return std::size_t{512} << 20; }

void CpuBackend::head_logps(Tensor logps, Tensor lse, Tensor kept_logits, Tensor hidden, Tensor head,
                            HeadTargets targets, float softcap) {
    require(fit(kept_logits, hidden, head, lse, targets) && is_f32(logps, {targets.row.shape[0]}),
            "head_logps");
    const std::int64_t width = hidden.shape[1], vocabulary = head.shape[0], count = targets.row.shape[0];
    const auto* row = targets.row.as<std::int32_t>();
    const auto* token = targets.token.as<std::int32_t>();
    auto* normaliser = lse.as<float>();
    const LogitChunks chunks(hidden, head, kept_logits);
    shared_scratch_.reserve(Scratch::padded(chunks.scratch_size()));
    chunks.each(shared_scratch_.take(chunks.scratch_size()), [&](const LogitChunks::Chunk& chunk) {
        const auto [begin, end, is_kept, logits] = chunk;
        gemm(pool_, false, true, end - begin, vocabulary, width, hidden.as<float>() + begin * width,
             head.as<float>(), logits, false);
        pool_.run_rows(end - begin, vocabulary, [&](std::int64_t from, std::int64_t to) {
            for (std::int64_t i = from; i < to; ++i) {
                if (softcap > 0) cap_logits(vocabulary, logits + i * vocabulary, softcap);
                normaliser[begin + i] = log_sum_exp(vocabulary, logits + i * vocabulary);
            }
        });
        for (std::int64_t r = 0; r < count; ++r)
            if (begin <= row[r] && row[r] < end)
                logps.as<float>()[r] = logits[(row[r] - begin) * vocabulary + token[r]] - normaliser[row[r]];
    });
}

void CpuBackend::head_logps_backward(Tensor d_hidden, Tensor d_head, Tensor kept_logits, Tensor hidden,
                                     Tensor head, Tensor lse, HeadTargets targets, Tensor weight,
                                     float softcap, bool adds) {
    require(fit(kept_logits, hidden, head, lse, targets) &&
                is_f32(d_hidden, {hidden.shape[0], hidden.shape[1]}) &&
                (!d_head || is_f32(d_head, {head.shape[0], head.shape[1]})) &&
                is_f32(weight, {targets.row.shape[0]}),
            "head_logps_backward");
    if (d_head && !adds && hidden.shape[0] == 0) zero(d_head);
    const std::int64_t width = hidden.shape[1], vocabulary = head.shape[0], count = targets.row.shape[0];
    const auto* row = targets.row.as<std::int32_t>();
    const auto* token = targets.token.as<std::int32_t>();
    const auto row_count = static_cast<std::size_t>(hidden.shape[0]);
    const auto target_count = static_cast<std::size_t>(count);
    const LogitChunks chunks(hidden, head, kept_logits);
    shared_scratch_.reserve(Scratch::padded(chunks.scratch_size()) + Scratch::padded(row_count) +
                            Scratch::padded(target_count));
    float* scratch = shared_scratch_.take(chunks.scratch_size());
    float* row_weight = shared_scratch_.take(row_count);
    float* target_weight = shared_scratch_.take(target_count);
    // d logits = weight · (one-hot - softmax), summed over the targets of a row.
    std::fill_n(row_weight, row_count, 0.0f);
    for (std::int64_t r = 0; r < count; ++r) row_weight[row[r]] += weight.as<float>()[r];
    chunks.each(scratch, [&](const LogitChunks::Chunk& chunk) {
        const auto [begin, end, is_kept, logits] = chunk;
        const float* input = hidden.as<float>() + begin * width;
        if (!is_kept)
            gemm(pool_, false, true, end - begin, vocabulary, width, input, head.as<float>(), logits, false);
        if (!is_kept && softcap > 0)
            pool_.run_rows(end - begin, vocabulary, [&](std::int64_t from, std::int64_t to) {
                for (std::int64_t i = from; i < to; ++i)
                    cap_logits(vocabulary, logits + i * vocabulary, softcap);
            });
        const auto place = [&](std::int64_t r) { return (row[r] - begin) * vocabulary + token[r]; };
        for (std::int64_t r = 0; r < count; ++r)
            if (begin <= row[r] && row[r] < end)
                target_weight[r] =
                    weight.as<float>()[r] * (softcap > 0 ? cap_slope(logits[place(r)], softcap) : 1.0f);
        const auto* normaliser = lse.as<float>();
        pool_.run_rows(end - begin, vocabulary, [&](std::int64_t from, std::int64_t to) {
            for (std::int64_t i = from; i < to; ++i) {
                float* const own = logits + i * vocabulary;
                const float factor = -row_weight[begin + i];
                if (softcap > 0)
                    scaled_softmax_capped(vocabulary, own, normaliser[begin + i], factor, softcap);
                else
                    scaled_softmax(vocabulary, own, normaliser[begin + i], factor);
            }
        });
        for (std::int64_t r = 0; r < count; ++r)
            if (begin <= row[r] && row[r] < end) logits[place(r)] += target_weight[r];
        gemm(pool_, false, false, end - begin, width, vocabulary, logits, head.as<float>(),
             d_hidden.as<float>() + begin * width, false);
        if (d_head)
            gemm(pool_, true, false, vocabulary, width, end - begin, logits, input, d_head.as<float>(),
                 adds || begin > 0);
    });
}

}  // namespace wishbone::cpu
