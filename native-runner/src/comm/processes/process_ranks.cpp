#include "comm/processes/process_ranks.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <numeric>
#include <utility>

#include "backend/require.h"
#include "comm/meeting.h"
#include "comm/shared_memory.h"

namespace wishbone {

namespace {

/// Elements that travel at a time.
constexpr std::int64_t block = std::int64_t{1} << 20;

/// What the ranks of a process have in common.
class Ranks {
  public:
    Ranks(ProcessGroup& group, int size)
        : group_(group), counts_(counts(group, size)), meeting_(size, group.limits().work, first(), all()) {
        group_.on_end(this, [this](const Error& error) { meeting_.end(error.what(), error.advice()); });
    }
    ~Ranks() { group_.forget(this); }
    Ranks(const Ranks&) = delete;
    Ranks& operator=(const Ranks&) = delete;

    ProcessGroup& group() { return group_; }
    Meeting& meeting() { return meeting_; }
    /// Ranks of that process, and how many there are before it.
    int count(int process) const { return counts_[static_cast<std::size_t>(process)]; }
    int before(int process) const { return std::accumulate(counts_.begin(), counts_.begin() + process, 0); }
    int first() const { return before(group_.process()); }
    int all() const { return before(group_.processes()); }
    /// Whether every process has as many.
    bool are_alike() const { return std::ranges::count(counts_, counts_.front()) == group_.processes(); }
    int process_of(int rank) const {
        int process = 0;
        while (before(process + 1) <= rank) ++process;
        return process;
    }

    /// The part of an operation that the first rank here does for all of them, while they wait.
    template <typename Work>
    void lead(int local, const Contribution& meant, const Work& work) {
        const std::vector<Contribution>& shown = meeting_.enter(local, meant);
        if (local != 0) {
            meeting_.leave();
            // The others' part may have failed.
            return meeting_.check(local);
        }
        try {
            group_.agree(std::string(meant.operation) + " of " + std::to_string(meant.elements) + " " +
                         std::to_string(meant.root) + " " + std::to_string(static_cast<int>(meant.dtype)));
            work(shown);
        } catch (...) {
            // The group has come to its end: the meeting has too, or is about to.
            if (const auto error = group_.end()) meeting_.end(error->what(), error->advice());
            meeting_.leave();
            throw;
        }
        meeting_.leave();
    }

  private:
    static std::vector<int> counts(ProcessGroup& group, int size) {
        std::vector<int> all;
        for (const std::string& text : group.exchange(std::to_string(size))) {
            int count = 0;
            std::from_chars(text.data(), text.data() + text.size(), count);
            require(count > 0, "make_process_ranks");
            all.push_back(count);
        }
        return all;
    }

    ProcessGroup& group_;
    std::vector<int> counts_;
    Meeting meeting_;
};

template <typename T>
T* at(void* data, std::int64_t element) {
    return static_cast<T*>(data) + element;
}

class ProcessRank final : public HostCommunicator {
  public:
    ProcessRank(int local, std::shared_ptr<Ranks> ranks) : local_(local), ranks_(std::move(ranks)) {}

    int rank() const override { return ranks_->first() + local_; }
    int size() const override { return ranks_->all(); }
    int part() const override { return ranks_->are_alike() ? local_ : 0; }
    int parts() const override { return ranks_->are_alike() ? ranks_->meeting().size() : 1; }

    void all_reduce(Tensor x) override {
        require(x.dtype == DType::f32, "all_reduce");
        ranks_->lead(local_, contribution("all-reduce", x), [&](const auto& shown) { sum(shown, x.size()); });
    }

    // Parts are those of threads that have memory in common.

    void reduce_scatter(Tensor own, Tensor all) override {
        require(ranks_->are_alike(), "reduce_scatter");
        shared_memory::reduce_scatter(ranks_->meeting(), local_, own, all);
    }
    void all_gather(Tensor all, Tensor own) override {
        require(ranks_->are_alike(), "all_gather");
        shared_memory::all_gather(ranks_->meeting(), local_, all, own);
    }
    std::vector<void*> show(void* own) override {
        return shared_memory::show(ranks_->meeting(), local_, own);
    }
    void pull(Tensor to, const void* from) override { shared_memory::pull(to, from); }

    void reduce_counterparts(Tensor x) override {
        require(x.dtype == DType::f32 && ranks_->are_alike(), "reduce_counterparts");
        ranks_->lead(local_, contribution("sum of counterparts", x), [&](const auto& shown) {
            for (const Contribution& one : shown) sum(std::span(&one, 1), x.size());
        });
    }

    void broadcast(Tensor x, int root) override {
        require(0 <= root && root < size(), "broadcast");
        Contribution own = contribution("broadcast", x);
        own.root = root;
        ranks_->lead(local_, own, [&](const auto& shown) {
            const int process = ranks_->process_of(root);
            const bool is_here = process == ranks_->group().process();
            const std::size_t source = is_here ? static_cast<std::size_t>(root - ranks_->first()) : 0;
            ranks_->group().spread({static_cast<std::byte*>(shown[source].data), x.bytes()}, process);
            for (std::size_t r = 0; r < shown.size(); ++r)
                if (r != source) std::memcpy(shown[r].data, shown[source].data, x.bytes());
        });
    }

    void sum(std::span<double> numbers) override {
        const Contribution own = {.operation = "sum",
                                  .elements = static_cast<std::int64_t>(numbers.size()),
                                  .data = numbers.data()};
        ranks_->lead(local_, own, [&](const auto& shown) {
            std::vector<double> sums(numbers.size(), 0.0);
            ranks_->group().pass(std::as_writable_bytes(std::span(sums)), [&](bool) {
                for (const Contribution& one : shown)
                    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += *at<double>(one.data, index(i));
            });
            for (const Contribution& one : shown)
                std::memcpy(one.data, sums.data(), sums.size() * sizeof(double));
        });
    }

    void barrier() override { agree("barrier", 0); }
    void check() override { ranks_->meeting().check(local_); }

    void agree(const char* operation, std::int64_t elements) override {
        ranks_->lead(local_, {.operation = operation, .elements = elements}, [](const auto&) {});
    }

    void abort(const std::string& reason) noexcept override {
        fail(Error(ExitCode::internal, reason, "rank " + std::to_string(rank()),
                   "See what that process says."));
    }
    /// The end of the group is that of the meeting here.
    void fail(const Error& cause) noexcept override { ranks_->group().fail(cause); }

  private:
    static std::int64_t index(std::size_t i) { return static_cast<std::int64_t>(i); }

    static Contribution contribution(const char* operation, const Tensor& x) {
        return {.operation = operation, .elements = x.size(), .dtype = x.dtype, .data = x.data};
    }

    /// What some ranks here have, and as many of each other process, becomes the sum of all of it in their order.
    void sum(std::span<const Contribution> here, std::int64_t size) {
        std::vector<float> sums(static_cast<std::size_t>(std::min(block, size)));
        for (std::int64_t begin = 0; begin < size; begin += block) {
            const std::span<float> some =
                std::span(sums).first(static_cast<std::size_t>(std::min(block, size - begin)));
            ranks_->group().pass(std::as_writable_bytes(some), [&](bool is_first) {
                for (std::size_t r = 0; r < here.size(); ++r) {
                    const float* const from = at<float>(here[r].data, begin);
                    if (is_first && r == 0)
                        std::memcpy(some.data(), from, some.size_bytes());
                    else
                        for (std::size_t i = 0; i < some.size(); ++i) some[i] += from[i];
                }
            });
            for (const Contribution& one : here)
                std::memcpy(at<float>(one.data, begin), some.data(), some.size_bytes());
        }
    }

    int local_;
    std::shared_ptr<Ranks> ranks_;
};

}  // namespace

std::vector<std::unique_ptr<HostCommunicator>> make_process_ranks(ProcessGroup& group, int size) {
    require(size > 0, "make_process_ranks");
    const auto shared = std::make_shared<Ranks>(group, size);
    std::vector<std::unique_ptr<HostCommunicator>> ranks;
    for (int rank = 0; rank < size; ++rank) ranks.push_back(std::make_unique<ProcessRank>(rank, shared));
    return ranks;
}

}  // namespace wishbone
