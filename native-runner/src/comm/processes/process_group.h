#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "comm/processes/rendezvous.h"

namespace wishbone {

/// The processes of a run, this one among them. The first has a connection to each other one, over which what concerns all goes.
///
/// Operations are called by all processes in the same order, in each by one thread at a time. They throw RankAborted once the group
/// is at its end. A thread of its own tells the others that this process lives, hears whether they do, and whether one has failed: a
/// connection that is closed, or a silence beyond the limit, is the end of the group too.
class ProcessGroup {
  public:
    /// Meets the others: see `meet`. `stop_asked`, asked a few times a second, says whether this process was asked to stop.
    ProcessGroup(const Introduction& self, const ProcessLimits& limits, std::function<bool()> stop_asked);
    /// Takes leave: whoever goes after that has not failed.
    ~ProcessGroup();
    ProcessGroup(const ProcessGroup&) = delete;
    ProcessGroup& operator=(const ProcessGroup&) = delete;

    int process() const { return self_.place.process; }
    int processes() const { return self_.place.processes; }
    bool is_first() const { return process() == 0; }
    const ProcessPlace& place() const { return self_.place; }
    /// Of the run, as the first has it.
    const std::string& folder() const { return folder_; }
    const ProcessLimits& limits() const { return limits_; }
    /// "process 1 on n2"
    std::string name(int process) const;

    /// Whether another process was asked to stop. Known to the first.
    bool stop_asked() const { return stop_asked_; }

    /// Everyone's text, in the order of processes.
    std::vector<std::string> exchange(const std::string& own);
    /// The first one's text, for which the others wait as long as it takes; empty where it has taken leave.
    std::string told(const std::string& text_of_first);
    /// All mean the same, or the group is at its end: Error(internal).
    void agree(const std::string& meaning);
    /// `block` goes through all processes, from the first on, each adding to what it gets; in the end all have what the last has.
    void pass(std::span<std::byte> block, const std::function<void(bool is_first)>& add);
    /// That of process `root` for all.
    void spread(std::span<std::byte> data, int root);

    /// This process is at its end, and so are all. From any thread.
    void fail(const Error& cause) noexcept;
    /// What is the end of all, where there is one: in the words for this process.
    std::optional<Error> end() const;
    /// The same, waited for a while: a connection of another library may break sooner than it is known why.
    std::optional<Error> end_within(Seconds time) const;
    /// Whether the end began in this process.
    bool failed_here() const;
    /// Whether another process is gone that could not say why.
    bool is_gone_without_a_word() const;
    [[noreturn]] void throw_end() const;

    /// To be called, from another thread, when the group ends; at once where it has. Until `forget`.
    void on_end(const void* owner, std::function<void(const Error&)> call);
    void forget(const void* owner) noexcept;
    /// A process whose threads do not come to an end in time ends all the same; it says this before.
    void last_words(std::function<void(const Error&)> words);

  private:
    enum class Ending { here, told, silent };

    void watch();
    void hear(std::size_t peer);
    void say(std::size_t peer, const std::string& text) noexcept;
    void end_with(const Error& error, Ending where, std::optional<std::size_t> from = {}) noexcept;
    void end_in_time();
    Peer& peer_of(int process) { return peers_[is_first() ? static_cast<std::size_t>(process - 1) : 0]; }
    std::function<bool()> given_up() const {
        return [this] { return ended_.load(); };
    }
    Clock::time_point work_limit() const;
    /// Calls it, and makes what a connection throws the end of the group.
    template <typename Call>
    void with(const Peer& peer, const Call& call);

    Introduction self_;
    ProcessLimits limits_;
    std::function<bool()> stop_requested_;
    std::string folder_;
    std::vector<Peer> peers_;

    std::mutex calling_;  ///< while others' calls are made, which may wait for whoever asks for the end
    std::map<const void*, std::function<void(const Error&)>> on_end_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::optional<Error> end_;
    Ending ending_ = Ending::here;
    Clock::time_point end_at_{};  ///< by then this process is gone
    std::atomic<bool> ended_ = false, stop_asked_ = false, over_ = false;
    std::function<void(const Error&)> last_words_;

    std::mutex saying_;  ///< one message after the other on a connection
    struct Sign {
        Clock::time_point heard = Clock::now();
        std::atomic<bool> has_left = false, is_gone = false;  ///< said so; or not
    };
    std::vector<Sign> signs_;  ///< by peer; what was heard last is the watcher's alone
    std::jthread watcher_;     ///< last: it uses the rest
};

}  // namespace wishbone
