#include "commands/sample_request.h"

#include "core/error.h"

namespace wishbone {

SamplingOptions read_sampling(JsonFields& fields) {
    SamplingOptions options;
    options.max_new_tokens = fields.integer("max_new_tokens", 1, 1 << 20, options.max_new_tokens);
    options.temperature = fields.number("temperature", 0, 1000, options.temperature);
    options.top_p = fields.number("top_p", 1e-9, 1, options.top_p);
    options.seed = fields.integer("seed", 0, INT64_MAX, options.seed);
    return options;
}

std::vector<std::int32_t> read_tokens(const nlohmann::ordered_json& list, const ModelConfig& config,
                                      const std::string& where) {
    std::vector<std::int32_t> tokens;
    if (list.is_array())
        for (const auto& token : list)
            if (token.is_number_integer() && token >= 0 && token < config.vocab_size)
                tokens.push_back(token.get<std::int32_t>());
    if (!list.is_array() || tokens.size() != list.size())
        throw bad_input("Expected a list of token ids from 0 to " + std::to_string(config.vocab_size - 1),
                        where, "Give ids of this model's tokenizer.");
    return tokens;
}

void check_prompt(const std::vector<std::int32_t>& prompt, const SamplingOptions& options,
                  const ModelConfig& config, const std::string& where) {
    const auto length = static_cast<std::int64_t>(prompt.size());
    if (length == 0) throw bad_input("The prompt is empty", where, "Give at least one token.");
    if (length + options.max_new_tokens > config.longest_sequence())
        throw bad_input("A prompt of " + std::to_string(length) + " tokens and " +
                            std::to_string(options.max_new_tokens) + " new ones are more than the model's " +
                            std::to_string(config.longest_sequence()) + " (max_position_embeddings)",
                        where, "Lower max_new_tokens, or shorten the prompt.");
}

}  // namespace wishbone
