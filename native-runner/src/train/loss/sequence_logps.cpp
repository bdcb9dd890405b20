#include "train/loss/sequence_logps.h"

namespace wishbone {

namespace {

std::size_t index(std::int32_t value) { return static_cast<std::size_t>(value); }

/// Calls `visit(target, sequence, place)` for each target, `place` counting those of its sequence from 0: a bin's
/// targets are ordered by sequence, then by position.
template <typename Visit>
void each_target(const BinView& bin, Visit visit) {
    std::int32_t place = 0;
    for (std::size_t r = 0; r < bin.target_sequence.size(); ++r) {
        const bool same = r > 0 && bin.target_sequence[r] == bin.target_sequence[r - 1];
        place = same ? place + 1 : 0;
        visit(r, index(bin.target_sequence[r]), place);
    }
}

}  // namespace

void add_by_sequence(const BinView& bin, std::span<const float> logps, std::span<double> by_sequence) {
    for (std::size_t r = 0; r < logps.size(); ++r)
        by_sequence[index(bin.target_sequence[r])] += static_cast<double>(logps[r]);
}

void add_policy(const BinView& bin, const TargetLogps& values, const LengthWeights& weights,
                std::span<SequenceState> sequences) {
    each_target(bin, [&](std::size_t r, std::size_t sequence, std::int32_t place) {
        SequenceState& state = sequences[sequence];
        const auto logp = static_cast<double>(values.logps[r]);
        state.logps.plain += logp;
        state.logps.logp += weights.of(place, state.shared_tokens) * logp;
        if (!values.log_sum_squares.empty())
            state.logps.alignment += logp - static_cast<double>(values.log_sum_squares[r]);
    });
}

void add_reference(const BinView& bin, std::span<const float> logps, const LengthWeights& weights,
                   std::span<SequenceState> sequences) {
    each_target(bin, [&](std::size_t r, std::size_t sequence, std::int32_t place) {
        SequenceState& state = sequences[sequence];
        state.logps.reference += weights.of(place, state.shared_tokens) * static_cast<double>(logps[r]);
    });
}

void target_weights(const BinView& bin, const LengthWeights& weights,
                    std::span<const SequenceState> sequences, std::vector<float>& out) {
    out.resize(bin.target_sequence.size());
    each_target(bin, [&](std::size_t r, std::size_t sequence, std::int32_t place) {
        const SequenceState& state = sequences[sequence];
        out[r] = static_cast<float>(weights.of(place, state.shared_tokens) * state.gradient.logp +
                                    state.gradient.plain);
    });
}

}  // namespace wishbone
