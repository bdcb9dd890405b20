#include "comm/processes/connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace wishbone {

namespace {

using Why = ConnectionFailed::Why;

std::string reason(int error) { return std::generic_category().message(error); }

void set(int fd, int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof value); }

}  // namespace

Connection::Connection(FileDescriptor socket) : socket_(std::move(socket)) {
    ::fcntl(socket_.get(), F_SETFL, ::fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
    // Small messages are waited for.
    set(socket_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
}

/// Until the socket can be read or written.
void Connection::wait(short what, Clock::time_point limit, const std::function<bool()>& given_up) const {
    while (true) {
        if (given_up && given_up()) throw ConnectionFailed(Why::given_up, "given up");
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(limit - Clock::now()).count();
        if (left <= 0) throw ConnectionFailed(Why::late, "it took too long");
        pollfd ready = {socket_.get(), what, 0};
        if (::poll(&ready, 1, static_cast<int>(std::min<long long>(left, 100))) > 0) return;
    }
}

void Connection::send(std::span<const std::byte> data, Clock::time_point limit,
                      const std::function<bool()>& given_up) {
    while (!data.empty()) {
        const ssize_t count = ::send(socket_.get(), data.data(), data.size(), MSG_NOSIGNAL);
        if (count >= 0)
            data = data.subspan(static_cast<std::size_t>(count));
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            wait(POLLOUT, limit, given_up);
        else if (errno != EINTR)
            throw ConnectionFailed(Why::closed, reason(errno));
    }
}

void Connection::receive(std::span<std::byte> data, Clock::time_point limit,
                         const std::function<bool()>& given_up) {
    while (!data.empty()) {
        const ssize_t count = ::recv(socket_.get(), data.data(), data.size(), 0);
        if (count > 0)
            data = data.subspan(static_cast<std::size_t>(count));
        else if (count == 0)
            throw ConnectionFailed(Why::closed, "the other side closed it");
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            wait(POLLIN, limit, given_up);
        else if (errno != EINTR)
            throw ConnectionFailed(Why::closed, reason(errno));
    }
}

void Connection::send_text(const std::string& text, Clock::time_point limit,
                           const std::function<bool()>& given_up) {
    std::string framed(4, '\0');
    for (std::size_t i = 0; i < 4; ++i) framed[i] = static_cast<char>(text.size() >> (8 * i) & 0xff);
    framed += text;
    send(std::as_bytes(std::span(framed)), limit, given_up);
}

std::string Connection::receive_text(std::size_t most_bytes, Clock::time_point limit,
                                     const std::function<bool()>& given_up) {
    std::array<unsigned char, 4> digits{};
    receive(std::as_writable_bytes(std::span(digits)), limit, given_up);
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size |= std::size_t{digits[i]} << (8 * i);
    if (size > most_bytes) throw ConnectionFailed(Why::closed, "a message is too long");
    std::string text;
    constexpr std::size_t piece = 65536;
    while (text.size() < size) {
        const std::size_t have = text.size();
        text.resize(std::min(size, have + piece));
        receive(std::as_writable_bytes(std::span(text).subspan(have)), limit, given_up);
    }
    return text;
}

bool Connection::take(std::string& taken, std::size_t most_bytes) const {
    char buffer[4096];
    while (taken.size() < most_bytes) {
        const std::size_t room = std::min(sizeof buffer, most_bytes - taken.size());
        const ssize_t count = ::recv(socket_.get(), buffer, room, 0);
        if (count > 0)
            taken.append(buffer, static_cast<std::size_t>(count));
        else if (count < 0 && errno == EINTR)
            continue;
        else
            return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }
    return true;
}

void Connection::shut_down() const noexcept {
    if (socket_) ::shutdown(socket_.get(), SHUT_RDWR);
}

Connection connected(const Address& address, Clock::time_point limit, const std::function<bool()>& given_up) {
    FileDescriptor socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) throw ConnectionFailed(Why::closed, reason(errno));
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) {
        if (errno != EINPROGRESS) throw ConnectionFailed(Why::closed, reason(errno));
        while (true) {
            if (given_up && given_up()) throw ConnectionFailed(Why::given_up, "given up");
            if (Clock::now() >= limit) throw ConnectionFailed(Why::late, "it does not answer");
            pollfd ready = {socket.get(), POLLOUT, 0};
            if (::poll(&ready, 1, 100) > 0) break;
        }
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) throw ConnectionFailed(Why::closed, reason(error));
    }
    return Connection(std::move(socket));
}

namespace {

std::system_error failure() { return {errno, std::generic_category()}; }

/// Throws std::system_error.
FileDescriptor listening_at(const sockaddr* address, socklen_t size) {
    FileDescriptor socket(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) throw failure();
    // Connections of an earlier run that are still being closed are none that listen.
    set(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (address->sa_family == AF_INET6) set(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (::bind(socket.get(), address, size) != 0 || ::listen(socket.get(), 128) != 0) throw failure();
    return socket;
}

}  // namespace

FileDescriptor listening(int port, bool loopback) {
    const auto number = htons(static_cast<std::uint16_t>(port));
    if (!loopback) {
        // One for both kinds of addresses, where the system has both.
        sockaddr_in6 any{};
        any.sin6_family = AF_INET6;
        any.sin6_port = number;
        any.sin6_addr = in6addr_any;
        try {
            return listening_at(reinterpret_cast<const sockaddr*>(&any), sizeof any);
        } catch (const std::system_error& error) {
            if (error.code().value() != EAFNOSUPPORT && error.code().value() != EADDRNOTAVAIL) throw;
        }
    }
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = number;
    any.sin_addr.s_addr = htonl(loopback ? INADDR_LOOPBACK : INADDR_ANY);
    return listening_at(reinterpret_cast<const sockaddr*>(&any), sizeof any);
}

Connection accepted(const FileDescriptor& listener) {
    FileDescriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return socket ? Connection(std::move(socket)) : Connection();
}

}  // namespace wishbone
