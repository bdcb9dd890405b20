#include "train/reference/reference_pass.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/one_behind.h"
#include "train/ranks/dealt_bins.h"
#include "train/ranks/shared_logps.h"

namespace wishbone {

namespace {

std::size_t index(std::int64_t value) { return static_cast<std::size_t>(value); }

/// A bin that has to be evaluated, and the sequences whose keys it is the first to have.
struct NewSequences {
    std::int64_t bin;
    std::vector<std::int32_t> sequences;
};

/// The forward pass of one.
struct Pass {
    const NewSequences* of;
    PendingLogps logps;
    bool is_there() const { return logps.is_there(); }
};

std::vector<NewSequences> bins_with_new_keys(const Plan& plan, const PlanReference& reference) {
    std::vector<bool> known(reference.keys(), false);
    std::vector<NewSequences> bins;
    for (std::int64_t b = 0; b < plan.bins(); ++b) {
        NewSequences fresh = {b, {}};
        std::int32_t last = -1;
        for (const std::int32_t sequence : plan.bin(b).target_sequence) {
            if (sequence == last) continue;
            last = sequence;
            const std::size_t key = reference.key(sequence);
            if (!known[key]) fresh.sequences.push_back(sequence);
            known[key] = true;
        }
        if (!fresh.sequences.empty()) bins.push_back(std::move(fresh));
    }
    return bins;
}

/// Those that this rank computes.
std::vector<const NewSequences*> own_of(const Plan& plan, const std::vector<NewSequences>& bins,
                                        Communicator& ranks) {
    std::vector<std::int64_t> numbers;
    for (const NewSequences& one : bins) numbers.push_back(one.bin);
    const auto dealt = dealt_bins(plan, std::move(numbers), ranks.size());
    std::vector<const NewSequences*> own;
    for (const std::int64_t number : dealt[static_cast<std::size_t>(ranks.rank())])
        own.push_back(&*std::ranges::lower_bound(bins, number, {}, &NewSequences::bin));
    return own;
}

}  // namespace

bool compute_reference(const Plan& plan, PlanReference& reference, const LengthWeights& lengths,
                       Transformer& transformer, const ModelView& model, const BinProgress& progress,
                       const StopRequested& stop, Communicator& ranks) {
    const std::vector<NewSequences> bins = bins_with_new_keys(plan, reference);
    const std::vector<const NewSequences*> own = own_of(plan, bins, ranks);
    const std::vector<std::int32_t> counts = lengths.on() ? target_counts(plan) : std::vector<std::int32_t>();
    std::vector<SequenceState> sequences(index(plan.sequences()));
    for (std::size_t p = 0; lengths.on() && p < plan.pair_chosen.size(); ++p) {
        const auto chosen = index(plan.pair_chosen[p]), rejected = index(plan.pair_rejected[p]);
        sequences[chosen].shared_tokens = sequences[rejected].shared_tokens =
            std::min(counts[chosen], counts[rejected]);
    }
    reference.logps.assign(reference.keys(), 0.0);
    std::size_t done = 0;
    OneBehind<Pass> passes([&](const Pass& pass) {
        add_reference(plan.bin(pass.of->bin), pass.logps.logps(), lengths, sequences);
        for (const std::int32_t sequence : pass.of->sequences)
            reference.logps[reference.key(sequence)] = sequences[index(sequence)].logps.reference;
        ++done;
        progress(static_cast<std::int64_t>(done * bins.size() / own.size()),
                 static_cast<std::int64_t>(bins.size()));
    });
    bool stopped = false;
    for (const NewSequences* const one : own) {
        if ((stopped = stop())) break;
        const auto device = transformer.prepare(plan.bin(one->bin));
        passes.add({one, transformer.begin_forward(model, *device, false)});
    }
    passes.end();
    if (any_rank(ranks, stopped)) return false;
    // A key is known to the rank that computed it, and zero to the others.
    ranks.sum(reference.logps);
    return true;
}

}  // namespace wishbone
