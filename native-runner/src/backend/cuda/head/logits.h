#pragma once

#include <algorithm>
#include <cstdint>

#include "backend/backend.h"
#include "backend/cuda/matmul/matmul.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/require.h"

/// Logits are rounded to bf16 once, and everything (log-sum-exp, log-probabilities, gradient) is computed in
/// f32 from those same numbers; where logits are computed again, another product may round a few the other way.
/// Rows of logits lie `ld` elements apart, the vocabulary rounded up to a multiple of 8, so that every row is
/// aligned; kept logits use the same memory for a few rows less.
namespace wishbone::cuda {

/// Logits made at a time when they are not kept.
constexpr std::int64_t logit_chunk_bytes = std::int64_t{512} << 20;
constexpr std::int64_t most_kept_logit_bytes = std::int64_t{2} << 30;

/// Sizes of one call, and the products it consists of.
struct Head {
    std::int64_t rows, width, vocabulary, ld, targets;
    std::int64_t kept;   ///< rows whose logits are kept
    std::int64_t chunk;  ///< rows of logits made at a time behind those

    Head(const Tensor& kept_logits, const Tensor& hidden, const Tensor& head, const HeadTargets& target = {})
        : rows(hidden.shape[0]),
          width(hidden.shape[1]),
          vocabulary(head.shape[0]),
          ld(divide_up(vocabulary, bf16_vector) * bf16_vector),
          targets(target.row.shape[0]),
          kept(kept_logits ? kept_logits.shape[0] * vocabulary / ld : 0),
          chunk(std::max<std::int64_t>(logit_chunk_bytes / (2 * ld) / 128, 1) * 128) {}

    /// Elements of a scratch that takes the logits that are not kept, `rows_at_once` rows at a time.
    std::size_t scratch_size(std::int64_t rows_at_once) const {
        return static_cast<std::size_t>(std::min(rows_at_once, rows - kept) * ld);
    }
    /// Rows [begin, end), and where their logits are or go.
    struct Chunk {
        std::int64_t begin, end;
        bool is_kept;
        bf16* logits;
    };
    /// Calls `work` with the kept rows, all at once, and then with the others.
    template <typename Work>
    void each_chunk(bf16* kept_logits, bf16* scratch, std::int64_t rows_at_once, const Work& work) const {
        if (kept > 0) work(Chunk{0, kept, true, kept_logits});
        for (std::int64_t begin = kept; begin < rows; begin += rows_at_once)
            work(Chunk{begin, std::min(begin + rows_at_once, rows), false, scratch});
    }

    Product logits(std::int64_t count) const {
        return {.transpose_a = true,
                .transpose_b = false,
                .m = vocabulary,
                .n = count,
                .k = width,
                .lda = width,
                .ldb = width,
                .ldd = ld,
                .accumulate = false};
    }
    Product d_hidden(std::int64_t count) const {
        return {.transpose_a = false,
                .transpose_b = false,
                .m = width,
                .n = count,
                .k = vocabulary,
                .lda = width,
                .ldb = ld,
                .ldd = width,
                .accumulate = false};
    }
    Product d_head(std::int64_t count) const {
        return {.transpose_a = false,
                .transpose_b = true,
                .m = width,
                .n = vocabulary,
                .k = count,
                .lda = width,
                .ldb = ld,
                .ldd = width,
                .accumulate = true};
    }
};

inline bool fit(const Tensor& kept_logits, const Tensor& hidden, const Tensor& head, const Tensor& lse) {
    return hidden.rank == 2 && head.rank == 2 && is_bf16(hidden, {hidden.shape[0], hidden.shape[1]}) &&
           is_bf16(head, {head.shape[0], hidden.shape[1]}) && is_f32(lse, {hidden.shape[0]}) &&
           head.shape[0] < (1 << 30) &&
           (!kept_logits ||
            (is_bf16(kept_logits, {kept_logits.shape[0], head.shape[0]}) &&
             kept_logits.shape[0] <= hidden.shape[0] && vectorised(bf16_vector, {kept_logits.data})));
}
inline bool fit(const HeadTargets& targets) {
    return is_i32(targets.row, {targets.row.shape[0]}) && is_i32(targets.token, {targets.row.shape[0]});
}

}  // namespace wishbone::cuda
