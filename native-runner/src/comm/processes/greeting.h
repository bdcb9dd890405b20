#pragma once

#include <cstddef>
#include <string>

#include "comm/processes/connection.h"
#include "comm/processes/messages.h"
#include "comm/processes/rendezvous.h"

namespace wishbone {

// What both sides of a meeting need. A greeting is a text with its length before it: `greeting_magic`, then a JSON object.

/// Raised when what processes say to each other changes.
inline constexpr int greeting_protocol = 1;
inline constexpr const char* greeting_magic = "WISHBONE ";

Clock::time_point after(Seconds time);
/// "10 s"
std::string seconds_text(Seconds time);
/// "node1:29500 (MASTER_PORT)"
std::string meeting_place(const ProcessPlace& place);
Error interrupted(const ProcessPlace& place);
/// Another one's name for its machine, as part of a message.
std::string host_in(const Message& greeting);

}  // namespace wishbone
