#include "comm/nccl/peer_copies.h"

#include <algorithm>

#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

namespace wishbone {

namespace {

/// Of a slot: so long that the time a sum waits for multiprocessors is little beside that of the copies.
constexpr std::int64_t slot_elements = std::int64_t{1} << 24;
/// Parts of pieces begin at 128 bytes.
constexpr std::int64_t unit = 32;

void check(cudaError_t result, const char* what) { cuda::check(result, what); }

void copy(cudaStream_t stream, void* to, const void* from, std::size_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream), "cudaMemcpyAsync between GPUs");
}

}  // namespace

bool reach_each_other(std::span<const int> devices) {
    for (const int one : devices)
        for (const int other : devices) {
            int can = 1;
            if (one != other && (cudaDeviceCanAccessPeer(&can, one, other) != cudaSuccess || can == 0))
                return false;
        }
    return true;
}

PeerCopies::PeerCopies(HostCommunicator& host) : host_(host) {
    require(parts() <= most_ranks, "peer copies");
    void* memory = nullptr;
    check(cudaMalloc(&memory, slots_.size() * slot_elements * sizeof(float)), "cudaMalloc for sums");
    memory_.reset(static_cast<float*>(memory));
    for (std::size_t s = 0; s < slots_.size(); ++s)
        slots_[s].memory = memory_.get() + static_cast<std::int64_t>(s) * slot_elements;
}

PeerCopies::Range PeerCopies::range_of(std::int64_t elements, std::size_t part) const {
    const auto place = [&](std::size_t p) {
        const auto number = static_cast<std::int64_t>(p), all = static_cast<std::int64_t>(parts());
        return number == all ? elements : elements / unit * number / all * unit;
    };
    return {place(part), place(part + 1)};
}

/// All ranks are here: what comes to `copies` finds what each of them had put on its backend's stream.
void PeerCopies::meet(cudaStream_t backend, cudaStream_t copies, const Tensor& data) {
    own_.data = data.data;
    own_.elements = data.size();
    own_.ready.record(backend);
    offers_.clear();
    for (void* const shown : host_.show(&own_)) offers_.push_back(static_cast<const Offer*>(shown));
    for (const Offer* const offer : offers_) {
        require(offer->elements == own_.elements, "ranks do the same");
        offer->ready.hold(copies);
    }
}

/// All ranks have asked for their copies: what comes to `after` finds that none still reads here.
void PeerCopies::part_company(cudaStream_t copies, cudaStream_t after) {
    own_.taken.record(copies);
    // Without it an event could be waited for that is not recorded yet, or already for the next operation.
    (void)host_.show(nullptr);
    for (const Offer* const offer : offers_) offer->taken.hold(after);
}

/// The sum of a range of what all ranks have, to `to`.
void PeerCopies::sum(float* to, const Tensor& all, Range range) {
    const std::int64_t piece =
        slot_elements / std::max<std::int64_t>(1, std::ssize(offers_) - 1) / unit * unit;
    for (std::int64_t begin = range.begin; begin < range.end; begin += piece) {
        const std::int64_t count = std::min(piece, range.end - begin);
        Slot& slot = slots_[next_slot_++ % slots_.size()];
        slot.empty.hold(fetches_.get());
        Summands summands{};
        summands.count = static_cast<int>(offers_.size());
        summands.at[part()] = static_cast<const float*>(all.data) + begin;
        // Each begins with another neighbour.
        for (std::size_t i = 1; i < offers_.size(); ++i) {
            const std::size_t other = (part() + i) % offers_.size();
            float* const place = slot.memory + static_cast<std::int64_t>(i - 1) * piece;
            copy(fetches_.get(), place, static_cast<const float*>(offers_[other]->data) + begin,
                 static_cast<std::size_t>(count) * sizeof(float));
            summands.at[other] = place;
        }
        slot.full.record(fetches_.get());
        slot.full.hold(sums_.get());
        sum_in_order(sums_.get(), to + (begin - range.begin), summands, count);
        slot.empty.record(sums_.get());
    }
    own_.summed.record(sums_.get());
}

/// What each rank shows to its place in `all`; of the whole of it, where that is in place.
void PeerCopies::collect(const Tensor& all, const std::vector<Range>& to, bool is_in_place) {
    const std::size_t element = size_of(all.dtype);
    for (std::size_t i = 0; i < offers_.size(); ++i) {
        const std::size_t other = (part() + i) % offers_.size();
        const std::size_t begin = static_cast<std::size_t>(to[other].begin) * element;
        std::byte* const place = static_cast<std::byte*>(all.data) + begin;
        const std::byte* const from =
            static_cast<const std::byte*>(offers_[other]->data) + (is_in_place ? begin : 0);
        if (place != from)
            copy(collects_.get(), place, from, static_cast<std::size_t>(to[other].end - to[other].begin) * element);
    }
}

void PeerCopies::all_reduce(cudaStream_t backend, cudaStream_t after, Tensor x) {
    std::vector<Range> ranges;
    for (std::size_t p = 0; p < parts(); ++p) ranges.push_back(range_of(x.size(), p));
    const Range own = ranges[part()];
    meet(backend, fetches_.get(), x);
    sum(static_cast<float*>(x.data) + own.begin, x, own);
    (void)host_.show(nullptr);
    for (const Offer* const offer : offers_) offer->summed.hold(collects_.get());
    collect(x, ranges, true);
    part_company(collects_.get(), after);
}

void PeerCopies::reduce_scatter(cudaStream_t backend, cudaStream_t after, Tensor own, Tensor all) {
    const std::int64_t begin = host_.part() * own.size();
    meet(backend, fetches_.get(), all);
    sum(static_cast<float*>(own.data), all, {begin, begin + own.size()});
    own_.summed.hold(after);
    part_company(fetches_.get(), after);
}

void PeerCopies::all_gather(cudaStream_t backend, cudaStream_t after, Tensor all, Tensor own) {
    std::vector<Range> ranges;
    for (std::int64_t p = 0; p < host_.parts(); ++p) ranges.push_back({p * own.size(), (p + 1) * own.size()});
    meet(backend, collects_.get(), own);
    collect(all, ranges, false);
    part_company(collects_.get(), after);
}

}  // namespace wishbone
