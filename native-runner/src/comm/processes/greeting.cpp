#include "comm/processes/greeting.h"

#include <cstdio>

namespace wishbone {

Clock::time_point after(Seconds time) {
    return Clock::now() + std::chrono::duration_cast<Clock::duration>(time);
}

std::string seconds_text(Seconds time) {
    char text[32];
    std::snprintf(text, sizeof text, "%g s", time.count());
    return text;
}

std::string meeting_place(const ProcessPlace& place) {
    return place.host + ":" + std::to_string(place.port) + " (" + place.port_from + ")";
}

Error interrupted(const ProcessPlace& place) {
    return {ExitCode::interrupted, "Stopped before all processes of the run were there", meeting_place(place),
            "Start the run again."};
}

std::string host_in(const Message& hello) {
    const std::string host = text_of(hello, "host");
    return host.empty() ? "an unnamed machine" : host.substr(0, 253);
}

}  // namespace wishbone
