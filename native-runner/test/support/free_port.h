#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>

#include "core/file_descriptor.h"

namespace wishbone::test {

/// A TCP port of this machine that nobody has at the moment, and while `held` lives nobody else gets: whoever sets SO_REUSEADDR may
/// not listen there either.
struct FreePort {
    FreePort() : held(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const plain = reinterpret_cast<sockaddr*>(&address);
        if (!held || ::bind(held.get(), plain, size) != 0 || ::getsockname(held.get(), plain, &size) != 0)
            throw std::runtime_error("no free port");
        number = ntohs(address.sin_port);
    }

    FileDescriptor held;
    int number = 0;
};

inline int free_port() { return FreePort().number; }

/// A connection to a port of this machine; none where nobody listens.
inline FileDescriptor connected_to(int port) {
    FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        socket.reset();
    return socket;
}

}  // namespace wishbone::test
