#pragma once

#include <sys/socket.h>

#include <chrono>
#include <string>
#include <vector>

namespace wishbone {

/// An address and a port.
struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;

    /// "10.0.0.1" or "fe80::1"
    std::string text() const;
};

/// The addresses of a host, in the order to try them: its own where it is a number, else what the system's name service says. The
/// runner may be linked without shared libraries, and could not load that service's modules: `getent` is asked. Empty where the
/// name is not known.
std::vector<Address> host_addresses(const std::string& host, int port);

/// Whether `host` is this machine by its very name, and nothing that another machine could reach.
bool is_loopback_name(const std::string& host);

}  // namespace wishbone
