#include "run/processes/command.h"

#include <cstring>

#include "core/error.h"

namespace wishbone {

namespace {

struct Head {
    std::int64_t what, number;
    double value;
};

}  // namespace

std::string encoded(const Command& command) {
    const Head head = {static_cast<int>(command.what), command.number, command.value};
    std::string bytes(sizeof head + command.numbers.size() * sizeof(double), '\0');
    std::memcpy(bytes.data(), &head, sizeof head);
    if (!command.numbers.empty())
        std::memcpy(bytes.data() + sizeof head, command.numbers.data(),
                    command.numbers.size() * sizeof(double));
    return bytes;
}

Command decoded(const std::string& bytes) {
    Head head{};
    const std::size_t rest = bytes.size() - sizeof head;
    if (bytes.size() >= sizeof head) std::memcpy(&head, bytes.data(), sizeof head);
    if (bytes.size() < sizeof head || rest % sizeof(double) != 0 || head.what < 0 ||
        head.what > static_cast<int>(Command::What::load_checkpoint))
        throw Error(ExitCode::internal, "The first process said something that is no command",
                    "run/processes", "This is a fault of the runner: report it.");
    Command command = {static_cast<Command::What>(head.what), head.number, head.value,
                       std::vector<double>(rest / sizeof(double))};
    if (rest > 0) std::memcpy(command.numbers.data(), bytes.data() + sizeof head, rest);
    return command;
}

}  // namespace wishbone
