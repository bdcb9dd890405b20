#include "comm/processes/host_addresses.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <sstream>

#include "core/file_descriptor.h"

extern char** environ;

namespace wishbone {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_answer = 65536, most_name = 253;

std::optional<Address> numeric(const std::string& text, int port) {
    Address address;
    auto* const v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
    if (::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(static_cast<std::uint16_t>(port));
        address.size = sizeof *v4;
        return address;
    }
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    if (::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(static_cast<std::uint16_t>(port));
        address.size = sizeof *v6;
        return address;
    }
    return std::nullopt;
}

/// A name is handed to a program: nothing that is no name.
bool is_name(const std::string& host) {
    return !host.empty() && host.size() <= most_name && host.front() != '-' &&
           std::ranges::all_of(host, [](unsigned char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '-' || c == '.' || c == '_';
           });
}

/// What `getent ahosts NAME` prints; empty where it fails.
std::string asked(const std::string& host) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return "";
    const FileDescriptor out(ends[0]);
    FileDescriptor in(ends[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    std::string words[] = {"getent", "ahosts", host};
    char* const argv[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    pid_t pid = -1;
    for (const char* const program : {"/usr/bin/getent", "/bin/getent"})
        if (::posix_spawn(&pid, program, &actions, nullptr, argv, environ) == 0) break;
    ::posix_spawn_file_actions_destroy(&actions);
    in.reset();
    if (pid < 0) return "";
    std::string answer;
    const auto end = std::chrono::steady_clock::now() + 10s;
    char buffer[4096];
    while (answer.size() < most_answer) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        pollfd ready = {out.get(), POLLIN, 0};
        if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) == 0) break;
        const ssize_t count = ::read(out.get(), buffer, sizeof buffer);
        if (count <= 0) break;
        answer.append(buffer, static_cast<std::size_t>(count));
    }
    ::kill(pid, SIGKILL);  // It has ended, or is beyond its time.
    ::waitpid(pid, nullptr, 0);
    return answer;
}

}  // namespace

std::string Address::text() const {
    char buffer[INET6_ADDRSTRLEN] = "";
    if (storage.ss_family == AF_INET)
        ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, buffer,
                    sizeof buffer);
    else
        ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr, buffer,
                    sizeof buffer);
    return buffer;
}

bool is_loopback_name(const std::string& host) {
    return host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::vector<Address> host_addresses(const std::string& host, int port) {
    if (const auto own = numeric(host, port)) return {*own};
    // Nobody need be asked of this one.
    if (host == "localhost") return {*numeric("127.0.0.1", port)};
    if (!is_name(host)) return {};
    std::vector<Address> all;
    std::istringstream lines(asked(host));
    for (std::string line; std::getline(lines, line);)
        if (const auto address = numeric(line.substr(0, line.find(' ')), port))
            if (std::ranges::none_of(all, [&](const Address& one) { return one.text() == address->text(); }))
                all.push_back(*address);
    return all;
}

}  // namespace wishbone
