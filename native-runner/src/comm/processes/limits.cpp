#include "comm/processes/limits.h"

#include <cmath>
#include <cstdlib>
#include <string>

#include "core/error.h"
#include "core/terminal.h"

namespace wishbone {

namespace {

constexpr double least = 0.1, most = 7 * 86400;

void read(const char* name, Seconds& limit) {
    const char* const text = std::getenv(name);
    if (text == nullptr || *text == '\0') return;
    char* end = nullptr;
    const double value = std::strtod(text, &end);
    if (*end != '\0' || !(value >= least && value <= most))
        throw bad_input(std::string(name) + " is \"" + printable(text) + "\"",
                        "environment variable " + std::string(name),
                        "It is to be a number of seconds from 0.1 to 604800.");
    limit = Seconds(value);
}

}  // namespace

ProcessLimits ProcessLimits::from_environment() {
    ProcessLimits limits;
    read("WISHBONE_MEETING_SECONDS", limits.meeting);
    const Seconds rest = limits.end - limits.silence;
    read("WISHBONE_SILENCE_SECONDS", limits.silence);
    limits.end = limits.silence + rest;
    return limits;
}

}  // namespace wishbone
