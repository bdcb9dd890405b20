#include "comm/processes/reception.h"

#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <list>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "comm/processes/greeting.h"
#include "comm/processes/host_addresses.h"

namespace wishbone {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_hello_bytes = 16384, most_waiting = 256;

/// 128 bits that nobody guesses.
std::string secret() {
    std::array<unsigned char, 16> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        throw Error(ExitCode::internal, "The system gives no random bytes", "getrandom", "Report this.");
    std::string text;
    for (const unsigned char byte : bytes) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", byte);
        text += digits;
    }
    return text;
}

class Reception {
  public:
    Reception(const Introduction& self, const ProcessLimits& limits, const std::function<bool()>& given_up)
        : self_(self),
          limits_(limits),
          given_up_(given_up),
          listener_(listen()),
          peers_(static_cast<std::size_t>(self.place.processes - 1)) {
        if (!self.failure) return;
        const Error& own = *self.failure;
        failure_ = Error(own.code(), "Process 0 on " + host_name() + " failed: " + own.what(), own.where(),
                         own.advice());
    }

    std::vector<Peer> all() {
        const auto limit = after(limits_.meeting);
        try {
            if (failure_) throw *failure_;
            while (std::ranges::any_of(peers_, [](const Peer& peer) { return !peer.data; })) {
                if (given_up_ && given_up_()) throw interrupted(self_.place);
                if (Clock::now() > limit) throw absent();
                look();
            }
            for (Peer& peer : peers_) send(peer.control, {{"type", "begin"}}, after(limits_.hello));
        } catch (const ConnectionFailed&) {
            const Error gone = bad_input("A process of the run ended before all were there",
                                         meeting_place(self_.place), "See what it says.");
            tell(gone, limit);
            throw gone;
        } catch (const Error& error) {
            tell(error, limit);
            throw;
        }
        return std::move(peers_);
    }

  private:
    /// Somebody who has connected and not yet said all.
    struct Visitor {
        Connection connection;
        std::string heard;
        Clock::time_point limit;
    };

    FileDescriptor listen() const {
        try {
            return listening(self_.place.port, is_loopback_name(self_.place.host));
        } catch (const std::system_error& error) {
            throw bad_input("Port " + std::to_string(self_.place.port) +
                                " cannot be listened on: " + error.code().message(),
                            "environment variable " + self_.place.port_from,
                            "Free the port, or name another one in WISHBONE_PORT, in every process.");
        }
    }

    /// A round: whoever has come, has said something or has gone.
    void look() {
        std::vector<pollfd> sockets = {{listener_.get(), POLLIN, 0}};
        for (const Visitor& visitor : visitors_) sockets.push_back({visitor.connection.get(), POLLIN, 0});
        for (const Peer& peer : peers_)
            if (peer.control) sockets.push_back({peer.control.get(), POLLIN, 0});
        ::poll(sockets.data(), sockets.size(), 100);
        while (Connection connection = accepted(listener_)) {
            // Whoever says nothing and comes again and again shuts out those who said nothing before.
            if (visitors_.size() >= most_waiting) visitors_.pop_front();
            visitors_.push_back({std::move(connection), "", after(limits_.hello)});
        }
        for (auto next = visitors_.begin(); next != visitors_.end();) {
            const auto visitor = next++;
            try {
                if (hear(*visitor)) visitors_.erase(visitor);
            } catch (...) {
                // Heard once more it would count as told twice, and another one would not be waited for.
                visitors_.erase(visitor);
                throw;
            }
        }
        for (Peer& peer : peers_)
            if (peer.control) watch(peer);
    }

    /// True when this visitor needs no more hearing.
    bool hear(Visitor& visitor) {
        const bool is_open = visitor.connection.take(visitor.heard, 4);
        std::size_t size = 0;
        if (visitor.heard.size() >= 4) {
            for (std::size_t i = 0; i < 4; ++i)
                size |= std::size_t{static_cast<unsigned char>(visitor.heard[i])} << (8 * i);
            if (size > most_hello_bytes) return turned_away();
            if (is_open) visitor.connection.take(visitor.heard, 4 + size);
            if (visitor.heard.size() == 4 + size) {
                receive(visitor);
                return true;
            }
        }
        if (!is_open || Clock::now() > visitor.limit) return turned_away();
        return false;
    }

    bool turned_away() {
        if (!std::exchange(has_told_, true))
            std::fprintf(stderr, "somebody who is no process of this run was turned away at port %d\n",
                         self_.place.port);
        return true;
    }

    void receive(Visitor& visitor) {
        const std::string text = visitor.heard.substr(4);
        try {
            if (!text.starts_with(greeting_magic))
                throw ConnectionFailed(ConnectionFailed::Why::closed, "a stranger");
            const Message hello = parsed(text.substr(std::char_traits<char>::length(greeting_magic)));
            if (text_of(hello, "channel") == "data")
                take_data(visitor, hello);
            else
                take_control(visitor, hello);
        } catch (const ConnectionFailed&) {
            turned_away();
        }
    }

    void take_data(Visitor& visitor, const Message& hello) {
        const Peer* const known = find(hello);
        if (known == nullptr || tokens_[index(*known)].empty() ||
            text_of(hello, "token") != tokens_[index(*known)]) {
            turned_away();
            return;
        }
        send(visitor.connection, {{"type", "welcome"}}, after(2s));
        peers_[index(*known)].data = std::move(visitor.connection);
    }

    void take_control(Visitor& visitor, const Message& hello) {
        const std::string run = text_of(hello, "run"), version = text_of(hello, "version");
        if (version.empty() || number_of(hello, "process") < 0 || number_of(hello, "processes") < 2)
            throw ConnectionFailed(ConnectionFailed::Why::closed, "a stranger");
        if (text_of(hello, "job") != self_.place.job ||
            (!run.empty() && !self_.run.empty() && run != self_.run)) {
            // Of another run that meets at the same place: no reason to end this one.
            const Error other = bad_input("Another run has this meeting place: " + self_.run,
                                          meeting_place(self_.place), "Give each run a port of its own.");
            send(visitor.connection, {{"type", "elsewhere"}, {"error", of_error(other)}}, after(2s));
            turned_away();
            return;
        }
        if (failure_) {
            ++told_;
            send(visitor.connection, {{"type", "end"}, {"error", of_error(*failure_)}}, after(2s));
            return;
        }
        try {
            admit(visitor, hello, version);
        } catch (const Error& error) {
            ++told_;
            send(visitor.connection, {{"type", "end"}, {"error", of_error(error)}}, after(2s));
            throw;
        }
    }

    void admit(Visitor& visitor, const Message& hello, const std::string& version) {
        const std::string place = meeting_place(self_.place);
        const std::string who =
            "Process " + std::to_string(number_of(hello, "process")) + " on " + host_in(hello);
        if (const auto failure = hello.find("failure"); failure != hello.end() && failure->is_object()) {
            const Error cause = error_of(*failure);
            throw Error(cause.code(), who + " failed: " + cause.what(), cause.where(), cause.advice());
        }
        if (version != self_.version || number_of(hello, "protocol") != greeting_protocol)
            throw bad_input(who + " has version " + version + " of the runner, process 0 on " + host_name() +
                                " has version " + self_.version,
                            place, "Install the same version on every machine.");
        if (number_of(hello, "processes") != self_.place.processes)
            throw bad_input(who + " was told of " + std::to_string(number_of(hello, "processes")) +
                                " processes, process 0 on " + host_name() + " of " +
                                std::to_string(self_.place.processes),
                            place, "Start all processes with the same WORLD_SIZE, or in one step of srun.");
        Peer* const peer = find(hello);
        if (peer == nullptr)
            throw bad_input(who + " does not count from 0 to " + std::to_string(self_.place.processes - 1) +
                                ", or is there twice",
                            place, "Give each process a RANK of its own.");
        if (peer->control)
            throw bad_input(who + " is there twice: " + peer->name() + " has come before", place,
                            "Give each process a RANK of its own.");
        std::string& token = tokens_[index(*peer)];
        token = secret();
        send(visitor.connection,
             {{"type", "welcome"}, {"token", token}, {"folder", self_.folder}, {"host", host_name()}},
             after(2s));
        peer->host = host_in(hello);
        peer->control = std::move(visitor.connection);
    }

    /// One that has come says nothing more before all begin, unless it fails.
    void watch(Peer& peer) {
        pollfd ready = {peer.control.get(), POLLIN, 0};
        if (::poll(&ready, 1, 0) == 0) return;
        try {
            const Message message = received(peer.control, after(2s));
            const Error cause = error_of(message.value("error", Message::object()));
            throw Error(cause.code(), peer.name() + " failed: " + cause.what(), cause.where(),
                        cause.advice());
        } catch (const ConnectionFailed&) {
            throw Error(ExitCode::internal, peer.name() + " ended before all processes were there",
                        meeting_place(self_.place), "See what it says, and start the run again.");
        }
    }

    Peer* find(const Message& hello) {
        const long long number = number_of(hello, "process");
        if (number < 1 || number >= self_.place.processes) return nullptr;
        Peer& peer = peers_[static_cast<std::size_t>(number - 1)];
        peer.process = static_cast<int>(number);
        return &peer;
    }
    std::size_t index(const Peer& peer) const { return static_cast<std::size_t>(&peer - peers_.data()); }

    Error absent() const {
        std::string numbers;
        for (std::size_t i = 0; i < peers_.size(); ++i)
            if (!peers_[i].data) numbers += (numbers.empty() ? "" : ", ") + std::to_string(i + 1);
        return bad_input(
            "Of " + std::to_string(self_.place.processes) + " processes, number " + numbers +
                " did not come within " + seconds_text(limits_.meeting),
            meeting_place(self_.place),
            "Start all processes within that time, where they can reach this machine at that port.");
    }

    /// Those who are here, and for a while those who come, who end too.
    void tell(const Error& error, Clock::time_point limit) noexcept {
        try {
            failure_ = error;
            for (Peer& peer : peers_) {
                if (!peer.control) continue;
                ++told_;
                try {
                    send(peer.control, {{"type", "end"}, {"error", of_error(error)}}, after(1s));
                } catch (const ConnectionFailed&) {
                    // It is gone itself.
                }
                peer.control = {};
            }
            limit = std::min(limit, after(10s));
            while (told_ < peers_.size() && Clock::now() < limit && !(given_up_ && given_up_())) look();
        } catch (const std::exception&) {
            // Whoever is not told waits for nobody, up to the limit.
        }
    }

    const Introduction& self_;
    const ProcessLimits& limits_;
    const std::function<bool()>& given_up_;
    FileDescriptor listener_;
    std::vector<Peer> peers_;
    std::vector<std::string> tokens_ = std::vector<std::string>(peers_.size());
    std::list<Visitor> visitors_;
    bool has_told_ = false;
    std::optional<Error> failure_;  ///< what all who are and come here are told
    std::size_t told_ = 0;          ///< how many were
};

}  // namespace

std::vector<Peer> receive_processes(const Introduction& self, const ProcessLimits& limits,
                                    const std::function<bool()>& given_up) {
    return Reception(self, limits, given_up).all();
}

}  // namespace wishbone
