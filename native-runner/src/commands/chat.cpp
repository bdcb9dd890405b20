#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

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
    /// Waits for a line. Nothing once the input has ended.
    std::optional<std::string> next() {
        for (;;) {
            const std::size_t end = text_.find('\n');
            if (end == std::string::npos) {
                if (!read_more()) return std::nullopt;
                continue;
            }
            const std::string line = text_.substr(0, end);
            text_.erase(0, end + 1);
            return line;
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

/// The model with its adapter, or the one below it, and what it is writing.
class Voice {
  public:
    /// `transformer`: no other voice's, since what it keeps for RoPE belongs to the lengths of one.
    Voice(Backend& backend, Transformer& transformer, const ModelView& model, bool below_adapter)
        : backend_(backend), transformer_(transformer), model_(model), below_adapter_(below_adapter) {}

    bool is_writing() const { return writing_.has_value(); }

    /// Begins what `fields` ask for. Throws Error(bad_input).
    void begin(JsonFields& fields) {
        SamplingOptions options = read_sampling(fields);
        const auto prompt_json = fields.any("prompt"), end_tokens = fields.any("end_tokens");
        fields.no_others();
        const ModelConfig& config = transformer_.config();
        const auto prompt = read_tokens(prompt_json, config, fields.where("prompt"));
        if (!end_tokens.is_null())
            options.end_tokens = read_tokens(end_tokens, config, fields.where("end_tokens"));
        check_prompt(prompt, options, config, fields.where("prompt"));
        transformer_.expect_length(static_cast<std::int64_t>(prompt.size()) + options.max_new_tokens);
        writing_.emplace(backend_, transformer_, model_, prompt, options);
    }

    /// Draws a token. False once nobody reads any more.
    bool write() {
        return say({{"type", "token"}, {"token", writing_->next()}}) && (!writing_->over() || end());
    }

    /// Ends what it writes. False once nobody reads any more.
    bool end() {
        const std::vector<std::int32_t> tokens = writing_->tokens();
        writing_.reset();
        return say({{"type", "completed"}, {"tokens", tokens}});
    }

    bool say(Json line) const {
        if (below_adapter_) line["adapter"] = false;
        return wishbone::say(line);
    }

  private:
    Backend& backend_;
    Transformer& transformer_;
    ModelView model_;
    bool below_adapter_;
    std::optional<Generation> writing_;
};

/// All that one model has to say, with its adapter and without.
class Voices {
  public:
    explicit Voices(LoadedModel& model) {
        voices_.emplace_back(model.backend(), model.transformer(), model.view(), false);
        if (!model.has_adapter()) return;
        base_.emplace(model.backend(), model.config());
        voices_.emplace_back(model.backend(), *base_, model.base(), true);
    }

    bool are_writing() const { return std::ranges::any_of(voices_, &Voice::is_writing); }

    /// Does what a line says. False once nobody reads any more.
    bool take(const std::string& line) {
        if (line.empty()) return end();
        Voice* asked = &voices_.front();
        try {
            const Json json = parse_json(line, "request");
            JsonFields fields(json, "request", "");
            if (!fields.boolean("adapter", true) && voices_.size() > 1) asked = &voices_.back();
            if (asked->is_writing() && !asked->end()) return false;
            if (fields.boolean("stop", false))
                fields.no_others();
            else
                asked->begin(fields);
            return true;
        } catch (const Error& error) {
            // Of what was asked for; the next request may be another.
            if (error.code() != ExitCode::bad_input) throw;
            return asked->say({{"type", "failed"},
                               {"what", error.what()},
                               {"where", error.where()},
                               {"advice", error.advice()}});
        }
    }

    /// A token of each that writes. False once nobody reads any more.
    bool write() {
        return std::ranges::all_of(voices_,
                                   [](Voice& voice) { return !voice.is_writing() || voice.write(); });
    }

    /// Ends whatever is being written. False once nobody reads any more.
    bool end() {
        return std::ranges::all_of(voices_, [](Voice& voice) { return !voice.is_writing() || voice.end(); });
    }

  private:
    std::optional<Transformer> base_;
    std::vector<Voice> voices_;
};

}  // namespace

void chat_command(const ChatArguments& arguments) {
    LoadedModel model(arguments.model, arguments.backend, arguments.adapter);
    Voices voices(model);
    Requests requests;
    if (!say({{"type", "ready"}})) return;
    for (;;) {
        while (!voices.are_writing() || requests.waiting()) {
            const auto line = requests.next();
            if (!line) {
                voices.end();
                return;
            }
            if (!voices.take(*line)) return;
        }
        if (!voices.write()) return;
    }
}

}  // namespace wishbone
