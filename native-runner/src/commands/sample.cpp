#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "commands/commands.h"
#include "commands/loaded_model.h"
#include "core/error.h"
#include "io/json.h"
#include "model/generation/generate.h"

namespace wishbone {

namespace {

std::vector<std::int32_t> read_tokens(const nlohmann::ordered_json& list, std::int64_t vocab_size,
                                      const std::string& where) {
    std::vector<std::int32_t> tokens;
    if (list.is_array())
        for (const auto& token : list)
            if (token.is_number_integer() && token >= 0 && token < vocab_size)
                tokens.push_back(token.get<std::int32_t>());
    if (!list.is_array() || tokens.size() != list.size())
        throw bad_input("Expected a list of token ids from 0 to " + std::to_string(vocab_size - 1), where,
                        "Give ids of this model's tokenizer.");
    return tokens;
}

}  // namespace

void sample_command(const SampleArguments& arguments) {
    const std::string file = arguments.request.string();
    const auto json = parse_json(read_text(arguments.request), file);
    JsonFields fields(json, file, "");
    SamplingOptions options;
    options.max_new_tokens = fields.integer("max_new_tokens", 1, 1 << 20, options.max_new_tokens);
    options.temperature = fields.number("temperature", 0, 1000, options.temperature);
    options.top_p = fields.number("top_p", 1e-9, 1, options.top_p);
    options.seed = fields.integer("seed", 0, INT64_MAX, options.seed);
    const auto prompts_json = fields.any("prompts"), end_tokens = fields.any("end_tokens");
    fields.no_others();
    if (!prompts_json.is_array() || prompts_json.empty())
        throw bad_input("There is no prompt", fields.where("prompts"), "Give a list of lists of token ids.");

    LoadedModel model(arguments.model, arguments.backend, arguments.adapter);
    const ModelConfig& config = model.config();
    if (!end_tokens.is_null())
        options.end_tokens = read_tokens(end_tokens, config.vocab_size, fields.where("end_tokens"));
    std::vector<std::vector<std::int32_t>> prompts;
    std::int64_t longest = 0;
    for (const auto& list : prompts_json) {
        const std::string where = fields.where("prompts") + "[" + std::to_string(prompts.size()) + "]";
        prompts.push_back(read_tokens(list, config.vocab_size, where));
        const auto length = static_cast<std::int64_t>(prompts.back().size());
        longest = std::max(longest, length + options.max_new_tokens);
        if (length == 0) throw bad_input("The prompt is empty", where, "Give at least one token.");
        if (longest > config.longest_sequence())
            throw bad_input("A prompt of " + std::to_string(length) + " tokens and " +
                                std::to_string(options.max_new_tokens) +
                                " new ones are more than the model's " +
                                std::to_string(config.longest_sequence()) + " (max_position_embeddings)",
                            where, "Lower max_new_tokens, or shorten the prompt.");
    }
    model.transformer().expect_length(longest);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        const auto tokens = generate(model.backend(), model.transformer(), model.view(), prompts[i], options,
                                     [] { return false; });
        std::printf("%s\n", nlohmann::ordered_json({{"prompt", i}, {"tokens", tokens}}).dump().c_str());
        std::fflush(stdout);
    }
}

}  // namespace wishbone
