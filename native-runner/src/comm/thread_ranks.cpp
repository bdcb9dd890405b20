#include <algorithm>
#include <cstring>

#include "backend/require.h"
#include "comm/communicator.h"
#include "comm/meeting.h"

namespace wishbone {

namespace {

/// Elements that are summed at a time: few enough for the first cache.
constexpr std::int64_t block = 2048;

template <typename T>
T* at(void* data, std::int64_t element) {
    return static_cast<T*>(data) + element;
}

class ThreadRank final : public HostCommunicator {
  public:
    ThreadRank(int rank, std::shared_ptr<Meeting> meeting) : rank_(rank), meeting_(std::move(meeting)) {}

    int rank() const override { return rank_; }
    int size() const override { return meeting_->size(); }

    void all_reduce(Tensor x) override {
        require(x.dtype == DType::f32, "all_reduce");
        const auto& all = meet("all-reduce", x);
        // Each rank sums a part of it, and writes that to all.
        const std::int64_t begin = x.size() * rank_ / size(), end = x.size() * (rank_ + 1) / size();
        float sums[block];
        for (std::int64_t i = begin; i < end; i += block) {
            const std::int64_t count = std::min(block, end - i);
            add_up(all, i, count, sums);
            for (const Contribution& one : all)
                std::memcpy(at<float>(one.data, i), sums, static_cast<std::size_t>(count) * sizeof(float));
        }
        meeting_->leave();
    }

    void reduce_scatter(Tensor own, Tensor all) override {
        require(all.dtype == DType::f32 && own.dtype == DType::f32 && all.size() == size() * own.size(),
                "reduce_scatter");
        const auto& shown = meet("reduce-scatter", all);
        const std::int64_t begin = rank_ * own.size();
        float sums[block];
        for (std::int64_t i = 0; i < own.size(); i += block) {
            const std::int64_t count = std::min(block, own.size() - i);
            add_up(shown, begin + i, count, sums);
            std::memcpy(at<float>(own.data, i), sums, static_cast<std::size_t>(count) * sizeof(float));
        }
        meeting_->leave();
    }

    void all_gather(Tensor all, Tensor own) override {
        require(all.dtype == own.dtype && all.size() == size() * own.size(), "all_gather");
        const auto& shown = meet("all-gather", own);
        for (std::size_t r = 0; r < shown.size(); ++r) {
            void* const place = static_cast<std::byte*>(all.data) + r * own.bytes();
            // Where a rank's own part lies in its place already, another one may be reading it.
            if (place != shown[r].data) std::memcpy(place, shown[r].data, own.bytes());
        }
        meeting_->leave();
    }

    void broadcast(Tensor x, int root) override {
        require(0 <= root && root < size(), "broadcast");
        const auto& shown = meet("broadcast", x, root);
        if (rank_ != root) std::memcpy(x.data, shown[static_cast<std::size_t>(root)].data, x.bytes());
        meeting_->leave();
    }

    void sum(std::span<double> numbers) override {
        const auto& shown = meeting_->enter(rank_, {.operation = "sum",
                                                    .elements = static_cast<std::int64_t>(numbers.size()),
                                                    .data = numbers.data()});
        std::vector<double> sums(numbers.size(), 0.0);
        for (const Contribution& one : shown)
            for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += static_cast<const double*>(one.data)[i];
        meeting_->leave();
        std::ranges::copy(sums, numbers.begin());
    }

    std::vector<void*> show(void* own) override {
        const auto& shown = meeting_->enter(rank_, {.operation = "show", .data = own});
        std::vector<void*> all;
        for (const Contribution& one : shown) all.push_back(one.data);
        meeting_->leave();
        return all;
    }
    void pull(Tensor to, const void* from) override { std::memcpy(to.data, from, to.bytes()); }

    void barrier() override { agree("barrier", 0); }
    void check() override { meeting_->check(rank_); }

    void agree(const char* operation, std::int64_t elements) override {
        meeting_->enter(rank_, {.operation = operation, .elements = elements});
        meeting_->leave();
    }

    void abort(const std::string& reason) noexcept override { meeting_->abort(rank_, reason); }

  private:
    const std::vector<Contribution>& meet(const char* operation, const Tensor& x, int root = 0) {
        return meeting_->enter(
            rank_,
            {.operation = operation, .elements = x.size(), .root = root, .dtype = x.dtype, .data = x.data});
    }

    static void add_up(const std::vector<Contribution>& all, std::int64_t begin, std::int64_t count,
                       float* sums) {
        std::memcpy(sums, at<float>(all.front().data, begin),
                    static_cast<std::size_t>(count) * sizeof(float));
        for (std::size_t r = 1; r < all.size(); ++r) {
            const float* const from = at<float>(all[r].data, begin);
            for (std::int64_t i = 0; i < count; ++i) sums[i] += from[i];
        }
    }

    int rank_;
    std::shared_ptr<Meeting> meeting_;
};

}  // namespace

std::vector<std::unique_ptr<HostCommunicator>> make_thread_ranks(int size,
                                                                 std::chrono::duration<double> time_limit) {
    require(size > 0, "make_thread_ranks");
    const auto meeting = std::make_shared<Meeting>(size, time_limit);
    std::vector<std::unique_ptr<HostCommunicator>> ranks;
    for (int rank = 0; rank < size; ++rank) ranks.push_back(std::make_unique<ThreadRank>(rank, meeting));
    return ranks;
}

}  // namespace wishbone
