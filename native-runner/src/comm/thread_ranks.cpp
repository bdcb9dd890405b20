#include <algorithm>
#include <cstring>

#include "backend/require.h"
#include "comm/communicator.h"
#include "comm/meeting.h"
#include "comm/shared_memory.h"

namespace wishbone {

namespace {

class ThreadRank final : public HostCommunicator {
  public:
    ThreadRank(int rank, std::shared_ptr<Meeting> meeting) : rank_(rank), meeting_(std::move(meeting)) {}

    int rank() const override { return rank_; }
    int size() const override { return meeting_->size(); }

    void all_reduce(Tensor x) override { shared_memory::all_reduce(*meeting_, rank_, x); }
    void reduce_scatter(Tensor own, Tensor all) override {
        shared_memory::reduce_scatter(*meeting_, rank_, own, all);
    }
    void all_gather(Tensor all, Tensor own) override {
        shared_memory::all_gather(*meeting_, rank_, all, own);
    }

    void broadcast(Tensor x, int root) override {
        require(0 <= root && root < size(), "broadcast");
        const auto& shown = meeting_->enter(
            rank_,
            {.operation = "broadcast", .elements = x.size(), .root = root, .dtype = x.dtype, .data = x.data});
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

    std::vector<void*> show(void* own) override { return shared_memory::show(*meeting_, rank_, own); }
    void pull(Tensor to, const void* from) override { shared_memory::pull(to, from); }

    void barrier() override { agree("barrier", 0); }
    void check() override { meeting_->check(rank_); }

    void agree(const char* operation, std::int64_t elements) override {
        meeting_->enter(rank_, {.operation = operation, .elements = elements});
        meeting_->leave();
    }

    void abort(const std::string& reason) noexcept override { meeting_->abort(rank_, reason); }

  private:
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
