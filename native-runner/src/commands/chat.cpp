#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "commands/commands.h"
#include "commands/loaded_model.h"
#include "commands/sample_request.h"
#include "core/error.h"
#include "io/json.h"
#include "model/generation/generate.h"

namespace wishbone {

namespace {

using Json = nlohmann::ordered_json;

/// Longer requests are of no model.
constexpr std::size_t most_bytes = std::size_t{64} << 20;

/// Lines of standard input, and whether there is something to read while nobody waits for it.
class Requests {
  public:
    /// Waits for a line that is not empty. Nothing once the input has ended.
    std::optional<std::string> next() {
        for (;;) {
            const std::size_t end = text_.find('\n');
            if (end == std::string::npos) {
                if (!read_more()) return std::nullopt;
                continue;
            }
            const std::string line = text_.substr(0, end);
            text_.erase(0, end + 1);
            if (!line.empty()) return line;
        }
    }

    /// Whether a line has come, or the input has ended.
    bool waiting() {
        while (text_.find('\n') == std::string::npos) {
            struct pollfd input{STDIN_FILENO, POLLIN, 0};
            if (::poll(&input, 1, 0) <= 0) return false;
            if (!read_more()) return true;
        }
        return true;
    }

  private:
    bool read_more() {
        if (text_.size() > most_bytes)
            throw bad_input("A request is longer than 64 MiB", "standard input", "Give shorter prompts.");
        std::array<char, 65536> piece{};
        ssize_t count = 0;
        do count = ::read(STDIN_FILENO, piece.data(), piece.size());
        while (count < 0 && errno == EINTR);
        if (count <= 0) return false;
        text_.append(piece.data(), static_cast<std::size_t>(count));
        return true;
    }

    std::string text_;
};

/// False once nobody reads any more.
bool say(const Json& line) {
    // What is said of a request may hold any bytes of it.
    std::printf("%s\n", line.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    return std::fflush(stdout) == 0;
}

Json answer(LoadedModel& model, const std::string& line, Requests& requests) {
    const Json json = parse_json(line, "request");
    JsonFields fields(json, "request", "");
    SamplingOptions options = read_sampling(fields);
    const auto prompt_json = fields.any("prompt"), end_tokens = fields.any("end_tokens");
    fields.no_others();
    const ModelConfig& config = model.config();
    const auto prompt = read_tokens(prompt_json, config, fields.where("prompt"));
    if (!end_tokens.is_null())
        options.end_tokens = read_tokens(end_tokens, config, fields.where("end_tokens"));
    check_prompt(prompt, options, config, fields.where("prompt"));
    model.transformer().expect_length(static_cast<std::int64_t>(prompt.size()) + options.max_new_tokens);
    const auto tokens = generate(
        model.backend(), model.transformer(), model.view(), prompt, options,
        [&] { return requests.waiting(); },
        [](std::int32_t token) { say({{"type", "token"}, {"token", token}}); });
    return {{"type", "completed"}, {"tokens", tokens}};
}

}  // namespace

void chat_command(const ChatArguments& arguments) {
    LoadedModel model(arguments.model, arguments.backend, arguments.adapter);
    Requests requests;
    if (!say({{"type", "ready"}})) return;
    while (const auto line = requests.next()) {
        Json said;
        try {
            said = answer(model, *line, requests);
        } catch (const Error& error) {
            // Of what was asked for; the next request may be another.
            if (error.code() != ExitCode::bad_input) throw;
            said = {{"type", "failed"},
                    {"what", error.what()},
                    {"where", error.where()},
                    {"advice", error.advice()}};
        }
        if (!say(said)) return;
    }
}

}  // namespace wishbone
