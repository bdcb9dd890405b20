#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace wishbone {

/// What a rank brings to a meeting.
struct Contribution {
    const char* operation = "";  ///< for people: "all-reduce"
    std::int64_t elements = 0;   ///< the same on all ranks
    int root = 0;                ///< the same on all ranks
    DType dtype = DType::f32;    ///< the same on all ranks
    void* data = nullptr;
};

/// Where the threads of a process that are ranks meet: each shows what it has, all work on what all have, and none goes before
/// all are done.
class Meeting {
  public:
    /// Of ranks 0 to `size` - 1 here, which in messages are ranks `first` and so on of `all`; 0: of as many as are here.
    Meeting(int size, std::chrono::duration<double> time_limit, int first = 0, int all = 0)
        : first_(first),
          all_(all == 0 ? size : all),
          time_limit_(time_limit),
          present_(static_cast<std::size_t>(size)),
          shown_(present_.size()) {}

    /// Returns when all ranks are here, with what each brings, which stays until this rank leaves. Throws RankAborted, and
    /// Error(internal) after the time limit or where ranks want different things.
    const std::vector<Contribution>& enter(int rank, const Contribution& own);
    /// Returns when all ranks are done with what the others brought. Ends soon whatever happens: work on memory is all that
    /// ranks do in between.
    void leave();
    /// Throws as `enter` where the meeting is over.
    void check(int rank);
    /// The meeting is over for good.
    void abort(int rank, const std::string& reason) noexcept;
    /// The same where no rank here gave the reason.
    void end(const std::string& what, const std::string& advice) noexcept;

    int size() const { return static_cast<int>(present_.size()); }

  private:
    struct End {
        bool is_told;  ///< somebody has failed, and that one tells
        std::string what, advice;
    };

    [[noreturn]] void throw_end(int rank) const;
    std::string named(int rank) const { return "rank " + std::to_string(first_ + rank); }
    std::string absent() const;
    std::optional<std::string> difference() const;

    int first_, all_;
    std::chrono::duration<double> time_limit_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<bool> present_;
    std::vector<Contribution> shown_;
    int arrived_ = 0, working_ = 0;
    std::uint64_t number_ = 0;  ///< of meetings so far
    std::optional<End> end_;
};

}  // namespace wishbone
