#include <algorithm>
#include <cmath>

#include "backend/cpu/cap_logits.h"
#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/gemm.h"
#include "backend/cpu/vector_math.h"
#include "backend/require.h"

namespace wishbone::cpu {
namespace {

/// log of the sum of squared probabilities of logits whose log-sum-exp is `lse`. No term is above 1.
WISHBONE_CLONES
float log_sum_of_squares(std::int64_t width, const float* logits, float lse) {
    constexpr std::int64_t block = 512;
    double total = 0;
    for (std::int64_t begin = 0; begin < width; begin += block) {
        const std::int64_t end = begin + block < width ? begin + block : width;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t i = begin; i < end; ++i) sum += exp_fast(2 * (logits[i] - lse));
        total += static_cast<double>(sum);
    }
    return static_cast<float>(std::log(total));
}

}  // namespace

void CpuBackend::head_log_sum_squares(Tensor out, Tensor kept_logits, Tensor hidden, Tensor head, Tensor lse,
                                      float softcap) {
    require(hidden.rank == 2 && head.rank == 2 && hidden.shape[1] == head.shape[1] &&
                is_f32(out, {hidden.shape[0]}) && is_f32(lse, {hidden.shape[0]}) &&
                (!kept_logits || is_f32(kept_logits, {kept_logits.shape[0], head.shape[0]})),
            "head_log_sum_squares");
    const std::int64_t rows = hidden.shape[0], width = hidden.shape[1], vocabulary = head.shape[0];
    const std::int64_t kept = kept_logits ? kept_logits.shape[0] : 0;
    const std::int64_t chunk = std::max<std::int64_t>(64, (std::int64_t{16} << 20) / (4 * vocabulary));
    const std::size_t chunk_size = static_cast<std::size_t>(std::min(chunk, rows - kept) * vocabulary);
    if (kept < rows) shared_scratch_.reserve(Scratch::padded(chunk_size));
    float* scratch = kept < rows ? shared_scratch_.take(chunk_size) : nullptr;
    for (std::int64_t begin = 0; begin < rows;) {
        const bool keep = begin < kept;
        const std::int64_t end = std::min(begin + chunk, keep ? kept : rows);
        float* logits = keep ? kept_logits.as<float>() + begin * vocabulary : scratch;
        if (!keep)
            gemm(pool_, false, true, end - begin, vocabulary, width, hidden.as<float>() + begin * width,
                 head.as<float>(), logits, false);
        pool_.run_rows(end - begin, vocabulary, [&](std::int64_t from, std::int64_t to) {
            for (std::int64_t i = from; i < to; ++i) {
                // Kept ones are capped already.
                if (!keep && softcap > 0) cap_logits(vocabulary, logits + i * vocabulary, softcap);
                out.as<float>()[begin + i] =
                    log_sum_of_squares(vocabulary, logits + i * vocabulary, lse.as<float>()[begin + i]);
            }
        });
        begin = end;
    }
}

}  // namespace wishbone::cpu
