#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "comm/processes/connection.h"
#include "core/error.h"

namespace wishbone {

/// What processes tell each other beside their numbers: small JSON objects. What comes in may be anything.
using Message = nlohmann::json;

inline constexpr std::size_t most_message_bytes = 65536;

void send(Connection& to, const Message& message, Clock::time_point limit);
/// Throws ConnectionFailed, also for what is no such object.
Message received(Connection& from, Clock::time_point limit, const std::function<bool()>& given_up = {});
/// The object in a text, or ConnectionFailed(closed).
Message parsed(const std::string& text);

/// A field, where it has that type; else what stands for none.
std::string text_of(const Message& message, const char* name);
long long number_of(const Message& message, const char* name, long long otherwise = -1);

Message of_error(const Error& error);
/// An exit code that there is not becomes `internal`.
Error error_of(const Message& message);

}  // namespace wishbone
