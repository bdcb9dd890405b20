#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include "comm/processes/host_addresses.h"
#include "core/file_descriptor.h"

namespace wishbone {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

/// A connection that did not do what was asked of it: closed by the other side, broken, silent for too long, or given up.
class ConnectionFailed : public std::runtime_error {
  public:
    enum class Why { closed, late, given_up };

    ConnectionFailed(Why why, const std::string& what) : std::runtime_error(what), why(why) {}

    const Why why;
};

/// A TCP connection. No call waits longer than to its time limit, or for whoever reads too slowly.
class Connection {
  public:
    Connection() = default;
    /// Of a socket that is connected.
    explicit Connection(FileDescriptor socket);

    explicit operator bool() const { return static_cast<bool>(socket_); }
    int get() const { return socket_.get(); }

    /// All of it. Throws ConnectionFailed. `given_up`, asked a few times a second, ends the wait.
    void send(std::span<const std::byte> data, Clock::time_point limit,
              const std::function<bool()>& given_up = {});
    void receive(std::span<std::byte> data, Clock::time_point limit,
                 const std::function<bool()>& given_up = {});

    /// A text with its length before it.
    void send_text(const std::string& text, Clock::time_point limit,
                   const std::function<bool()>& given_up = {});
    /// Throws ConnectionFailed(closed) for one longer than `most_bytes`, which is read no further. What is not yet there takes no
    /// memory.
    std::string receive_text(std::size_t most_bytes, Clock::time_point limit,
                             const std::function<bool()>& given_up = {});

    /// Adds what is there already, until `taken` has `most_bytes`. False where the other side closed it.
    bool take(std::string& taken, std::size_t most_bytes) const;

    /// Ends what is under way on it, from any thread.
    void shut_down() const noexcept;

  private:
    void wait(short what, Clock::time_point limit, const std::function<bool()>& given_up) const;

    FileDescriptor socket_;
};

/// Throws ConnectionFailed(closed) with the reason when nobody listens there.
Connection connected(const Address& address, Clock::time_point limit, const std::function<bool()>& given_up);

/// A socket that listens, on all of this machine's addresses or, with `loopback`, where only this machine reaches it. Throws
/// std::system_error.
FileDescriptor listening(int port, bool loopback);

/// The next one that has come; an empty one when there is none at the moment.
Connection accepted(const FileDescriptor& listener);

}  // namespace wishbone
