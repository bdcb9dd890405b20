#include "comm/processes/visit.h"

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "comm/processes/greeting.h"
#include "comm/processes/host_addresses.h"

namespace wishbone {

namespace {

using namespace std::chrono_literals;

/// What the first says to a greeting.
Message greeting(Connection& to, const Message& hello, const ProcessLimits& limits,
                 const std::function<bool()>& given_up) {
    to.send_text(greeting_magic + hello.dump(-1, ' ', false, Message::error_handler_t::replace),
                 after(limits.hello), given_up);
    return received(to, after(limits.hello), given_up);
}

class Visit {
  public:
    Visit(const Introduction& self, const ProcessLimits& limits, const std::function<bool()>& given_up)
        : self_(self), limits_(limits), given_up_(given_up), limit_(after(limits.meeting)) {}

    Met meet() {
        for (Seconds pause = 50ms;; pause = std::min<Seconds>(2 * pause, 1s)) {
            if (given_up_ && given_up_()) throw interrupted(self_.place);
            try {
                if (auto met = tried()) return std::move(*met);
            } catch (const ConnectionFailed& failure) {
                if (failure.why == ConnectionFailed::Why::given_up) throw interrupted(self_.place);
                problem_ = failure.what();
            }
            if (Clock::now() + std::chrono::duration_cast<Clock::duration>(pause) > limit_)
                throw bad_input(
                    "Process 0 was not there within " + seconds_text(limits_.meeting) + ": " + problem_,
                    meeting_place(self_.place),
                    "Start all processes within that time; see that the first one's machine can be "
                    "reached from this one at that port.");
            std::this_thread::sleep_for(pause);
        }
    }

  private:
    std::optional<Met> tried() {
        std::vector<Address> addresses = host_addresses(self_.place.host, self_.place.port);
        if (addresses.empty() && !self_.place.other_host.empty())
            addresses = host_addresses(self_.place.other_host, self_.place.port);
        if (addresses.empty()) problem_ = "the host's name is not known";
        for (const Address& address : addresses) {
            try {
                return visited(address);
            } catch (const ConnectionFailed& failure) {
                if (failure.why == ConnectionFailed::Why::given_up || &address == &addresses.back()) throw;
            }
        }
        return std::nullopt;
    }

    std::optional<Met> visited(const Address& address) {
        const auto connection = [&] {
            return connected(address, std::min(limit_, after(limits_.hello)), given_up_);
        };
        Met met;
        Peer& first = met.peers.emplace_back();
        first.control = connection();
        Message hello = {{"channel", "control"},
                         {"version", self_.version},
                         {"protocol", greeting_protocol},
                         {"run", self_.run},
                         {"job", self_.place.job},
                         {"process", self_.place.process},
                         {"processes", self_.place.processes},
                         {"host", host_name()}};
        if (self_.failure) hello["failure"] = of_error(*self_.failure);
        const Message welcome = greeting(first.control, hello, limits_, given_up_);
        if (text_of(welcome, "type") == "end") throw error_of(welcome.value("error", Message::object()));
        if (text_of(welcome, "type") == "elsewhere") {
            problem_ = error_of(welcome.value("error", Message::object())).what();
            return std::nullopt;
        }
        first.host = host_in(welcome);
        met.folder = text_of(welcome, "folder");
        const Message data = {
            {"channel", "data"}, {"token", text_of(welcome, "token")}, {"process", self_.place.process}};
        try {
            first.data = connection();
            greeting(first.data, data, limits_, given_up_);
        } catch (const ConnectionFailed& failure) {
            if (failure.why == ConnectionFailed::Why::given_up) throw;
            // It may have said why.
            const Message end = received(first.control, after(2s), given_up_);
            if (text_of(end, "type") == "end") throw error_of(end.value("error", Message::object()));
            throw;
        }
        // Until all are there: the first gives up before this does.
        const auto rest = after(limits_.meeting + limits_.hello);
        const Message begin = [&] {
            try {
                return received(first.control, rest, given_up_);
            } catch (const ConnectionFailed& failure) {
                if (failure.why == ConnectionFailed::Why::given_up) throw;
                throw Error(ExitCode::internal, first.name() + " ended before all processes were there",
                            meeting_place(self_.place), "See what it says, and start the run again.");
            }
        }();
        if (text_of(begin, "type") == "end") throw error_of(begin.value("error", Message::object()));
        return met;
    }

    const Introduction& self_;
    const ProcessLimits& limits_;
    const std::function<bool()>& given_up_;
    Clock::time_point limit_;
    std::string problem_ = "nothing answers there";
};

}  // namespace

Met visit_first_process(const Introduction& self, const ProcessLimits& limits,
                        const std::function<bool()>& given_up) {
    return Visit(self, limits, given_up).meet();
}

}  // namespace wishbone
