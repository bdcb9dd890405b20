#include "comm/processes/process_group.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

#include "comm/communicator.h"
#include "comm/processes/messages.h"

namespace wishbone {

namespace {

using namespace std::chrono_literals;

constexpr auto round_time = 100ms;
/// Why a connection for numbers was closed is heard on the other one, not much later.
constexpr auto patience = 5s;
constexpr std::size_t most_text = std::size_t{1} << 30;

Clock::duration clocked(Seconds time) { return std::chrono::duration_cast<Clock::duration>(time); }

std::string text_of(const Message& message) {
    return message.dump(-1, ' ', false, Message::error_handler_t::replace);
}

}  // namespace

ProcessGroup::ProcessGroup(const Introduction& self, const ProcessLimits& limits,
                           std::function<bool()> stop_asked)
    : self_(self), limits_(limits), stop_requested_(std::move(stop_asked)) {
    Met met = meet(self_, limits_, stop_requested_);
    peers_ = std::move(met.peers);
    folder_ = std::move(met.folder);
    signs_ = std::vector<Sign>(peers_.size());
    watcher_ = std::jthread([this] { watch(); });
}

ProcessGroup::~ProcessGroup() {
    over_ = true;
    if (watcher_.joinable()) watcher_.join();
    if (!ended_)
        for (std::size_t i = 0; i < peers_.size(); ++i) say(i, text_of({{"type", "leave"}}));
}

std::string ProcessGroup::name(int process) const {
    const auto is = [&](const Peer& peer) { return peer.process == process; };
    const auto found = std::ranges::find_if(peers_, is);
    const std::string host = process == this->process() ? host_name()
                             : found != peers_.end()    ? found->host
                                                        : "";
    return "process " + std::to_string(process) + (host.empty() ? "" : " on " + host);
}

Clock::time_point ProcessGroup::work_limit() const { return Clock::now() + clocked(limits_.work); }

// Numbers.

template <typename Call>
void ProcessGroup::with(const Peer& peer, const Call& call) {
    if (ended_) throw_end();
    try {
        call();
    } catch (const ConnectionFailed& failure) {
        if (failure.why == ConnectionFailed::Why::late)
            end_with(Error(ExitCode::internal,
                           peer.name() + " did not take part in an operation within " +
                               std::to_string(static_cast<long long>(limits_.work.count())) + " s",
                           name(process()), "See what that machine and its devices do; then resume the run."),
                     Ending::here);
        // Why it was closed is heard on the other connection.
        if (failure.why == ConnectionFailed::Why::closed && !end_within(patience))
            end_with(Error(ExitCode::internal,
                           "The connection to " + name(peer.process) + " broke: " + failure.what(),
                           name(process()), "See to the network; then resume the run."),
                     Ending::here);
        throw_end();
    }
}

std::vector<std::string> ProcessGroup::exchange(const std::string& own) {
    std::vector<std::string> all(static_cast<std::size_t>(processes()));
    all[static_cast<std::size_t>(process())] = own;
    if (is_first()) {
        for (Peer& peer : peers_)
            with(peer, [&] {
                all[static_cast<std::size_t>(peer.process)] =
                    peer.data.receive_text(most_text, work_limit(), given_up());
            });
        for (Peer& peer : peers_)
            with(peer, [&] {
                for (const std::string& text : all) peer.data.send_text(text, work_limit(), given_up());
            });
    } else {
        Peer& first = peers_.front();
        with(first, [&] {
            first.data.send_text(own, work_limit(), given_up());
            for (std::string& text : all) text = first.data.receive_text(most_text, work_limit(), given_up());
        });
    }
    return all;
}

std::string ProcessGroup::told(const std::string& text_of_first) {
    std::string text = text_of_first;
    if (is_first()) {
        for (Peer& peer : peers_) with(peer, [&] { peer.data.send_text(text, work_limit(), given_up()); });
    } else {
        Peer& first = peers_.front();
        with(first, [&] {
            try {
                text = first.data.receive_text(most_text, Clock::time_point::max(), given_up());
            } catch (const ConnectionFailed&) {
                std::unique_lock lock(mutex_);
                changed_.wait_for(lock, patience, [&] { return end_ || signs_[0].has_left; });
                if (end_ || !signs_[0].has_left) throw;
                text.clear();
            }
        });
    }
    return text;
}

void ProcessGroup::agree(const std::string& meaning) {
    const auto differ = [&](int other, const std::string& meant) {
        end_with(Error(ExitCode::internal,
                       "Processes do not do the same: " + meaning + " in " + name(process()) + ", " + meant +
                           " in " + name(other),
                       name(process()), "This is a fault of the runner: report it."),
                 Ending::here);
        throw_end();
    };
    constexpr std::size_t most_meaning = 256;
    if (is_first()) {
        for (Peer& peer : peers_)
            with(peer, [&] {
                const std::string meant = peer.data.receive_text(most_meaning, work_limit(), given_up());
                if (meant != meaning) differ(peer.process, meant);
            });
        for (Peer& peer : peers_) with(peer, [&] { peer.data.send_text("", work_limit(), given_up()); });
    } else {
        Peer& first = peers_.front();
        with(first, [&] {
            first.data.send_text(meaning, work_limit(), given_up());
            first.data.receive_text(0, work_limit(), given_up());
        });
    }
}

void ProcessGroup::pass(std::span<std::byte> block, const std::function<void(bool)>& add) {
    if (is_first()) {
        add(true);
        for (Peer& peer : peers_)
            with(peer, [&] {
                peer.data.send(block, work_limit(), given_up());
                peer.data.receive(block, work_limit(), given_up());
            });
        // The last knows it.
        for (Peer& peer : std::span(peers_).first(peers_.size() - 1))
            with(peer, [&] { peer.data.send(block, work_limit(), given_up()); });
        return;
    }
    Peer& first = peers_.front();
    with(first, [&] {
        first.data.receive(block, work_limit(), given_up());
        add(false);
        first.data.send(block, work_limit(), given_up());
        if (process() + 1 < processes()) first.data.receive(block, work_limit(), given_up());
    });
}

void ProcessGroup::spread(std::span<std::byte> data, int root) {
    if (is_first()) {
        if (root != 0)
            with(peer_of(root), [&] { peer_of(root).data.receive(data, work_limit(), given_up()); });
        for (Peer& peer : peers_)
            if (peer.process != root) with(peer, [&] { peer.data.send(data, work_limit(), given_up()); });
        return;
    }
    Peer& first = peers_.front();
    with(first, [&] {
        if (root == process())
            first.data.send(data, work_limit(), given_up());
        else
            first.data.receive(data, work_limit(), given_up());
    });
}

// Life and death.

void ProcessGroup::watch() {
    const auto beat_time = clocked(std::min(limits_.silence / 8, Seconds(2)));
    Clock::time_point last_round = Clock::now(), last_beat{};
    bool has_asked_to_stop = false;
    while (!over_) {
        std::vector<pollfd> sockets;
        for (std::size_t i = 0; i < peers_.size(); ++i)
            sockets.push_back(
                {signs_[i].has_left || signs_[i].is_gone ? -1 : peers_[i].control.get(), POLLIN, 0});
        ::poll(sockets.data(), sockets.size(), static_cast<int>(round_time.count()));
        const auto now = Clock::now();
        // Who was not running itself has heard nothing, whatever the others said.
        if (now - last_round > clocked(limits_.silence / 4))
            for (Sign& sign : signs_) sign.heard = now;
        last_round = now;
        for (std::size_t i = 0; i < peers_.size(); ++i)
            if (sockets[i].revents != 0) hear(i);
        if (!is_first() && !has_asked_to_stop && stop_requested_ && stop_requested_()) {
            has_asked_to_stop = true;
            say(0, text_of({{"type", "stop"}}));
        }
        if (now - last_beat > beat_time) {
            last_beat = now;
            for (std::size_t i = 0; i < peers_.size(); ++i) say(i, text_of({{"type", "alive"}}));
        }
        for (std::size_t i = 0; i < peers_.size() && !ended_; ++i)
            if (!signs_[i].has_left && !signs_[i].is_gone &&
                Clock::now() - signs_[i].heard > clocked(limits_.silence)) {
                char seconds[32];
                std::snprintf(seconds, sizeof seconds, "%g s", limits_.silence.count());
                end_with(Error(ExitCode::internal,
                               peers_[i].name() + " has said nothing for " + seconds + ": it hangs",
                               name(process()),
                               "See what that process and its machine do (stopped, or without a network?); "
                               "then resume the run."),
                         Ending::silent, i);
            }
        if (ended_) end_in_time();
    }
}

void ProcessGroup::hear(std::size_t i) {
    Peer& peer = peers_[i];
    try {
        const Message message = received(peer.control, Clock::now() + 2s);
        signs_[i].heard = Clock::now();
        const std::string type = text_of(message, "type");
        if (type == "stop") stop_asked_ = true;
        if (type == "leave") {
            const std::lock_guard lock(mutex_);
            signs_[i].has_left = true;
            changed_.notify_all();
        }
        if (type == "end") {
            const Error cause = error_of(message.value("error", Message::object()));
            // The first passes on what others said, in words that say who it was.
            const bool is_own = message.value("own", true);
            end_with(Error(cause.code(), is_own ? peer.name() + " failed: " + cause.what() : cause.what(),
                           cause.where(), cause.advice()),
                     Ending::told, i);
        }
    } catch (const ConnectionFailed&) {
        signs_[i].is_gone = true;
        end_with(
            Error(ExitCode::internal, peer.name() + " ended without a word", name(process()),
                  "See what that process and its machine say: it was killed, perhaps for want of memory; "
                  "then resume the run."),
            Ending::silent, i);
    } catch (const std::exception&) {
        // A field of another type: nothing that was meant for this version.
    }
}

void ProcessGroup::say(std::size_t peer, const std::string& text) noexcept {
    try {
        const std::lock_guard lock(saying_);
        if (!signs_[peer].has_left && !signs_[peer].is_gone)
            peers_[peer].control.send_text(text, Clock::now() + 1s);
    } catch (const std::exception&) {
        // Whether it is gone is heard, not seen here.
    }
}

void ProcessGroup::fail(const Error& cause) noexcept { end_with(cause, Ending::here); }

void ProcessGroup::end_with(const Error& error, Ending where, std::optional<std::size_t> from) noexcept {
    try {
        {
            const std::lock_guard lock(mutex_);
            if (end_) return;
            end_ = error;
            ending_ = where;
            end_at_ = (from ? signs_[*from].heard : Clock::now()) + clocked(limits_.end);
            ended_ = true;
        }
        changed_.notify_all();
        const Message message = {{"type", "end"}, {"error", of_error(error)}, {"own", where == Ending::here}};
        // Others are told by the first.
        for (std::size_t i = 0; i < peers_.size(); ++i)
            if (i != from) say(i, text_of(message));
        for (const Peer& peer : peers_) peer.data.shut_down();
        const std::lock_guard lock(calling_);
        for (const auto& [owner, call] : on_end_) call(error);
    } catch (...) {
        std::fputs("warning: a failure could not be told to the other processes\n", stderr);
    }
}

/// Whatever its threads are at, this process does not stay.
void ProcessGroup::end_in_time() {
    std::optional<Error> error;
    std::function<void(const Error&)> words;
    {
        const std::lock_guard lock(mutex_);
        if (Clock::now() < end_at_) return;
        error = end_;
        words = last_words_;
    }
    if (words) words(*error);
    ::_exit(static_cast<int>(error->code()));
}

std::optional<Error> ProcessGroup::end() const {
    const std::lock_guard lock(mutex_);
    return end_;
}

std::optional<Error> ProcessGroup::end_within(Seconds time) const {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return end_.has_value(); });
    return end_;
}

bool ProcessGroup::failed_here() const {
    const std::lock_guard lock(mutex_);
    return end_ && ending_ == Ending::here;
}

bool ProcessGroup::is_gone_without_a_word() const {
    const std::lock_guard lock(mutex_);
    return end_ && ending_ == Ending::silent;
}

void ProcessGroup::throw_end() const {
    const std::optional<Error> error = end();
    if (failed_here()) throw *error;
    throw RankAborted(error->code(), error->what(), error->where(), error->advice());
}

void ProcessGroup::on_end(const void* owner, std::function<void(const Error&)> call) {
    const std::lock_guard lock(calling_);
    if (const auto error = end()) call(*error);
    on_end_[owner] = std::move(call);
}

void ProcessGroup::forget(const void* owner) noexcept {
    const std::lock_guard lock(calling_);
    on_end_.erase(owner);
}

void ProcessGroup::last_words(std::function<void(const Error&)> words) {
    const std::lock_guard lock(mutex_);
    last_words_ = std::move(words);
}

}  // namespace wishbone
