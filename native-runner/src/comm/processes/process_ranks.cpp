#include "comm/processes/process_ranks.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <numeric>
#include <utility>

#include "backend/require.h"
#include "comm/meeting.h"

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

    void all_reduce(Tensor x) override {
        require(x.dtype == DType::f32, "all_reduce");
        reduce("all-reduce", x, [](std::int64_t begin, std::span<const float> sums, const auto& shown) {
            for (const Contribution& one : shown)
                std::memcpy(at<float>(one.data, begin), sums.data(), sums.size_bytes());
        });
    }

    void reduce_scatter(Tensor own, Tensor all) override {
        require(all.dtype == DType::f32 && own.dtype == DType::f32 && all.size() == size() * own.size(),
                "reduce_scatter");
        // Each rank's part takes its place in that rank's own tensor, of which nothing else is read any more.
        const std::int64_t part = own.size(), first = ranks_->first();
        reduce("reduce-scatter", all,
               [&](std::int64_t begin, std::span<const float> sums, const auto& shown) {
                   const std::int64_t end = begin + static_cast<std::int64_t>(sums.size());
                   for (std::size_t r = 0; r < shown.size(); ++r) {
                       const std::int64_t place = (first + static_cast<std::int64_t>(r)) * part;
                       const std::int64_t from = std::max(begin, place), to = std::min(end, place + part);
                       if (from < to)
                           std::memcpy(at<float>(shown[r].data, from), sums.data() + (from - begin),
                                       static_cast<std::size_t>(to - from) * sizeof(float));
                   }
               });
        if (const float* const sums = at<float>(all.data, rank() * part); sums != own.data)
            std::memcpy(own.data, sums, own.bytes());
    }

    void all_gather(Tensor all, Tensor own) override {
        require(all.dtype == own.dtype && all.size() == size() * own.size(), "all_gather");
        const std::size_t part = own.bytes();
        auto* const places = static_cast<std::byte*>(all.data);
        // The first rank here gets all of it, then the others from that one.
        ranks_->lead(local_, contribution("all-gather", own), [&](const auto& shown) {
            for (std::size_t r = 0; r < shown.size(); ++r) {
                std::byte* const place = places + (static_cast<std::size_t>(ranks_->first()) + r) * part;
                if (place != shown[r].data) std::memcpy(place, shown[r].data, part);
            }
            std::vector<std::span<std::byte>> parts;
            for (int p = 0; p < ranks_->group().processes(); ++p)
                parts.emplace_back(places + static_cast<std::size_t>(ranks_->before(p)) * part,
                                   static_cast<std::size_t>(ranks_->count(p)) * part);
            ranks_->group().gather(parts);
        });
        if (ranks_->meeting().size() == 1) return;
        const auto& shown = ranks_->meeting().enter(local_, contribution("all-gather", all));
        if (local_ != 0) std::memcpy(places, shown.front().data, all.bytes());
        ranks_->meeting().leave();
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

    /// Sums x over all ranks in their order, block by block; take(begin, sums, shown) gets what came of it.
    template <typename Take>
    void reduce(const char* operation, Tensor x, const Take& take) {
        ranks_->lead(local_, contribution(operation, x), [&](const std::vector<Contribution>& shown) {
            std::vector<float> sums(static_cast<std::size_t>(std::min(block, x.size())));
            for (std::int64_t begin = 0; begin < x.size(); begin += block) {
                const auto count = static_cast<std::size_t>(std::min(block, x.size() - begin));
                const std::span<float> part = std::span(sums).first(count);
                ranks_->group().pass(std::as_writable_bytes(part), [&](bool is_first) {
                    for (std::size_t r = 0; r < shown.size(); ++r) {
                        const float* const from = at<float>(shown[r].data, begin);
                        if (is_first && r == 0)
                            std::memcpy(part.data(), from, part.size_bytes());
                        else
                            for (std::size_t i = 0; i < count; ++i) part[i] += from[i];
                    }
                });
                take(begin, part, shown);
            }
        });
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
