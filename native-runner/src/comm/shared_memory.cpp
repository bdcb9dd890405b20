#include "comm/shared_memory.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "backend/require.h"

namespace wishbone::shared_memory {

namespace {

/// Elements that are summed at a time: few enough for the first cache.
constexpr std::int64_t block = 2048;

float* at(void* data, std::int64_t element) { return static_cast<float*>(data) + element; }

const std::vector<Contribution>& meet(Meeting& meeting, int rank, const char* operation, const Tensor& x) {
    return meeting.enter(rank,
                         {.operation = operation, .elements = x.size(), .dtype = x.dtype, .data = x.data});
}

/// take(i, sums) gets the sums of elements i and so on of [begin, end), a block at a time.
template <typename Take>
void add_up(const std::vector<Contribution>& all, std::int64_t begin, std::int64_t end, const Take& take) {
    float sums[block];
    for (std::int64_t i = begin; i < end; i += block) {
        const std::span<float> some(sums, static_cast<std::size_t>(std::min(block, end - i)));
        std::memcpy(sums, at(all.front().data, i), some.size_bytes());
        for (std::size_t r = 1; r < all.size(); ++r) {
            const float* const from = at(all[r].data, i);
            for (std::size_t k = 0; k < some.size(); ++k) sums[k] += from[k];
        }
        take(i, std::span<const float>(some));
    }
}

}  // namespace

void all_reduce(Meeting& meeting, int rank, Tensor x) {
    require(x.dtype == DType::f32, "all_reduce");
    const auto& all = meet(meeting, rank, "all-reduce", x);
    // Each rank sums a part of it, and writes that to all.
    add_up(all, x.size() * rank / meeting.size(), x.size() * (rank + 1) / meeting.size(),
           [&](std::int64_t i, std::span<const float> sums) {
               for (const Contribution& one : all)
                   std::memcpy(at(one.data, i), sums.data(), sums.size_bytes());
           });
    meeting.leave();
}

void reduce_scatter(Meeting& meeting, int rank, Tensor own, Tensor all) {
    require(all.dtype == DType::f32 && own.dtype == DType::f32 && all.size() == meeting.size() * own.size(),
            "reduce_scatter");
    const auto& shown = meet(meeting, rank, "reduce-scatter", all);
    const std::int64_t begin = rank * own.size();
    add_up(shown, begin, begin + own.size(), [&](std::int64_t i, std::span<const float> sums) {
        std::memcpy(at(own.data, i - begin), sums.data(), sums.size_bytes());
    });
    meeting.leave();
}

void all_gather(Meeting& meeting, int rank, Tensor all, Tensor own) {
    require(all.dtype == own.dtype && all.size() == meeting.size() * own.size(), "all_gather");
    const auto& shown = meet(meeting, rank, "all-gather", own);
    for (std::size_t r = 0; r < shown.size(); ++r) {
        void* const place = static_cast<std::byte*>(all.data) + r * own.bytes();
        // Where a rank's own part lies in its place already, another one may be reading it.
        if (place != shown[r].data) std::memcpy(place, shown[r].data, own.bytes());
    }
    meeting.leave();
}

std::vector<void*> show(Meeting& meeting, int rank, void* own) {
    const auto& shown = meeting.enter(rank, {.operation = "show", .data = own});
    std::vector<void*> all;
    for (const Contribution& one : shown) all.push_back(one.data);
    meeting.leave();
    return all;
}

void pull(Tensor to, const void* from) { std::memcpy(to.data, from, to.bytes()); }

}  // namespace wishbone::shared_memory
