#include <cmath>

#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/head/logits.h"
#include "backend/cpu/matmul/gemm.h"
#include "backend/cpu/primitives/vector_math.h"
#include "backend/require.h"

namespace wishbone::cpu {
namespace {

/// log of the sum of squared probabilities of logits whose log-sum-exp is `lse`. No term is above 1.
WISHBONE_CLONES
float log_sum_of_squares(std::int64_t width, const float* logits, float lse) {
    return static_cast<float>(std::log(sum_of_exponentials(width, logits, lse, 2.0f)));
}

}  // namespace

void CpuBackend::head_log_sum_squares(Tensor out, Tensor kept_logits, Tensor hidden, Tensor head, Tensor lse,
                                      float softcap) {
    require(hidden.rank == 2 && head.rank == 2 && hidden.shape[1] == head.shape[1] &&
                is_f32(out, {hidden.shape[0]}) && is_f32(lse, {hidden.shape[0]}) &&
                (!kept_logits || (is_f32(kept_logits, {kept_logits.shape[0], head.shape[0]}) &&
                                  kept_logits.shape[0] <= hidden.shape[0])),
            "head_log_sum_squares");
    const std::int64_t width = hidden.shape[1], vocabulary = head.shape[0];
    const LogitChunks chunks(hidden, head, kept_logits);
    shared_scratch_.reserve(Scratch::padded(chunks.scratch_size()));
    chunks.each(shared_scratch_.take(chunks.scratch_size()), [&](const LogitChunks::Chunk& chunk) {
        const std::int64_t count = chunk.end - chunk.begin;
        if (!chunk.is_kept)
            gemm(pool_, false, true, count, vocabulary, width, hidden.as<float>() + chunk.begin * width,
                 head.as<float>(), chunk.logits, false);
        pool_.run_rows(count, vocabulary, [&](std::int64_t from, std::int64_t to) {
            for (std::int64_t i = from; i < to; ++i) {
                float* const logits = chunk.logits + i * vocabulary;
                // Kept ones are capped already.
                if (!chunk.is_kept && softcap > 0) cap_logits(vocabulary, logits, softcap);
                const std::int64_t row = chunk.begin + i;
                out.as<float>()[row] = log_sum_of_squares(vocabulary, logits, lse.as<float>()[row]);
            }
        });
    });
}

}  // namespace wishbone::cpu
