#include "comm/meeting.h"

#include <algorithm>
#include <cstdio>

#include "comm/communicator.h"

namespace wishbone {

namespace {

constexpr const char* report = "This is a fault of the runner: report it.";

std::string described(const Contribution& one) {
    return std::string(one.operation) + " of " + std::to_string(one.elements);
}

bool alike(const Contribution& a, const Contribution& b) {
    return std::string_view(a.operation) == b.operation && a.elements == b.elements && a.root == b.root &&
           a.dtype == b.dtype;
}

std::string seconds(std::chrono::duration<double> time) {
    char text[32];
    std::snprintf(text, sizeof text, "%g s", time.count());
    return text;
}

}  // namespace

const std::vector<Contribution>& Meeting::enter(int rank, const Contribution& own) {
    std::unique_lock lock(mutex_);
    if (end_) throw_end(rank);
    const auto place = static_cast<std::size_t>(rank);
    shown_[place] = own;
    present_[place] = true;
    const std::uint64_t number = number_;
    if (++arrived_ < size()) {
        const bool in_time = changed_.wait_for(lock, time_limit_, [&] { return number_ != number || end_; });
        // A meeting that has begun is held, whatever happened since: the others work on what this rank brought.
        if (number_ != number) return shown_;
        if (!in_time)
            end_ = {false,
                    absent() + " did not come to the " + own.operation + " within " + seconds(time_limit_),
                    "See what the machine and its devices do; then resume the run."};
        changed_.notify_all();
        throw_end(rank);
    }
    if (const auto problem = difference()) {
        end_ = {false, *problem, report};
        changed_.notify_all();
        throw_end(rank);
    }
    arrived_ = 0;
    std::fill(present_.begin(), present_.end(), false);
    working_ = size();
    ++number_;
    changed_.notify_all();
    return shown_;
}

void Meeting::leave() {
    std::unique_lock lock(mutex_);
    if (--working_ == 0) changed_.notify_all();
    changed_.wait(lock, [this] { return working_ == 0; });
}

void Meeting::check(int rank) {
    const std::lock_guard lock(mutex_);
    if (end_) throw_end(rank);
}

void Meeting::abort(int rank, const std::string& reason) noexcept {
    end("Rank " + std::to_string(first_ + rank) + " failed: " + reason, "See what that rank says.");
}

void Meeting::end(const std::string& what, const std::string& advice) noexcept {
    try {
        const std::lock_guard lock(mutex_);
        if (!end_) end_ = {true, what, advice};
    } catch (...) {
        std::fputs("warning: a rank's failure could not be told to the others\n", stderr);
    }
    changed_.notify_all();
}

void Meeting::throw_end(int rank) const {
    const std::string where = named(rank) + " of " + std::to_string(all_);
    if (end_->is_told) throw RankAborted(ExitCode::internal, end_->what, where, end_->advice);
    throw Error(ExitCode::internal, end_->what, where, end_->advice);
}

std::string Meeting::absent() const {
    std::string text;
    for (std::size_t rank = 0; rank < present_.size(); ++rank)
        if (!present_[rank]) text += (text.empty() ? "" : ", ") + named(static_cast<int>(rank));
    text.front() = 'R';
    return text;
}

std::optional<std::string> Meeting::difference() const {
    for (std::size_t rank = 1; rank < shown_.size(); ++rank)
        if (!alike(shown_[0], shown_[rank]))
            return "Ranks do not do the same: " + described(shown_[0]) + " on " + named(0) + ", " +
                   described(shown_[rank]) + " on " + named(static_cast<int>(rank));
    return std::nullopt;
}

}  // namespace wishbone
