#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "backend/cpu/primitives/vector_math.h"
#include "core/tensor.h"

namespace wishbone::cpu {

/// logits := cap · tanh(logits / cap), as Gemma 2 (arXiv 2408.00118) caps them. f32 [width].
void cap_logits(std::int64_t width, float* logits, float cap);

/// Sum of exp(factor · (logits - shift)). A vocabulary is long for a sum in float, so blocks are summed in double.
WISHBONE_INLINE double sum_of_exponentials(std::int64_t width, const float* logits, float shift,
                                           float factor) {
    constexpr std::int64_t block = 512;
    double total = 0;
    for (std::int64_t begin = 0; begin < width; begin += block) {
        const std::int64_t end = begin + block < width ? begin + block : width;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t i = begin; i < end; ++i) sum += exp_fast(factor * (logits[i] - shift));
        total += static_cast<double>(sum);
    }
    return total;
}

/// Logits [rows, vocabulary], some rows at a time. The first rows lie in `kept_logits`, where that is not empty; the others
/// share a scratch of `scratch_size()` floats.
struct LogitChunks {
    LogitChunks(const Tensor& hidden, const Tensor& head, const Tensor& kept_logits)
        : rows(hidden.shape[0]),
          vocabulary(head.shape[0]),
          kept(kept_logits ? kept_logits.shape[0] : 0),
          kept_logits(kept_logits ? kept_logits.as<float>() : nullptr),
          // About 16 MiB stays in a last-level cache, and enough rows keep the product efficient.
          most_rows(std::max<std::int64_t>(64, (std::int64_t{16} << 20) / (4 * vocabulary))) {}

    const std::int64_t rows, vocabulary, kept;
    float* const kept_logits;
    const std::int64_t most_rows;

    std::size_t scratch_size() const {
        return static_cast<std::size_t>(std::min(most_rows, rows - kept) * vocabulary);
    }

    struct Chunk {
        std::int64_t begin, end;
        bool is_kept;
        float* logits;  ///< of row `begin`
    };
    template <typename Work>
    void each(float* scratch, const Work& work) const {
        for (std::int64_t begin = 0; begin < rows;) {
            const bool is_kept = begin < kept;
            const std::int64_t end = std::min(begin + most_rows, is_kept ? kept : rows);
            work(Chunk{begin, end, is_kept, is_kept ? kept_logits + begin * vocabulary : scratch});
            begin = end;
        }
    }
};

}  // namespace wishbone::cpu
