#include "comm/processes/messages.h"

#include <algorithm>

#include "core/terminal.h"
#include "io/json.h"

namespace wishbone {

void send(Connection& to, const Message& message, Clock::time_point limit) {
    // Paths and messages may hold bytes that are not UTF-8.
    to.send_text(message.dump(-1, ' ', false, Message::error_handler_t::replace), limit);
}

Message received(Connection& from, Clock::time_point limit, const std::function<bool()>& given_up) {
    return parsed(from.receive_text(most_message_bytes, limit, given_up));
}

Message parsed(const std::string& text) {
    try {
        Message message = parse_json_table(text, "a message");
        if (message.is_object()) return message;
    } catch (const Error&) {
    }
    throw ConnectionFailed(ConnectionFailed::Why::closed, "a message is none of Wishbone's");
}

std::string text_of(const Message& message, const char* name) {
    const auto field = message.find(name);
    return field != message.end() && field->is_string() ? field->get<std::string>() : std::string();
}

long long number_of(const Message& message, const char* name, long long otherwise) {
    const auto field = message.find(name);
    return field != message.end() && field->is_number_integer() ? field->get<long long>() : otherwise;
}

Message of_error(const Error& error) {
    constexpr std::size_t most = 4096;
    const auto cut = [](const std::string& text) { return text.substr(0, most); };
    return {{"code", static_cast<int>(error.code())},
            {"what", cut(error.what())},
            {"where", cut(error.where())},
            {"advice", cut(error.advice())}};
}

Error error_of(const Message& message) {
    ExitCode code = ExitCode::internal;
    for (const ExitCode known : {ExitCode::usage, ExitCode::bad_input, ExitCode::out_of_memory,
                                 ExitCode::cannot_write, ExitCode::interrupted})
        if (number_of(message, "code") == static_cast<int>(known)) code = known;
    const auto text = [&](const char* name) {
        const std::string own = text_of(message, name);
        return own.empty() ? std::string("(nothing was said)") : own;
    };
    return {code, text("what"), text("where"), text("advice")};
}

}  // namespace wishbone
