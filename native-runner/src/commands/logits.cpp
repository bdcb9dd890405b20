#include <string>

#include "commands/commands.h"
#include "commands/loaded_model.h"
#include "core/error.h"
#include "io/safetensors.h"

namespace wishbone {

void logits_command(const LogitsArguments& arguments) {
    LoadedModel model(arguments.model, arguments.backend, arguments.adapter);
    const ModelConfig& config = model.config();
    const auto count = static_cast<std::int64_t>(arguments.tokens.size());
    if (count > config.longest_sequence())
        throw bad_input("There are " + std::to_string(count) + " tokens, the model takes at most " +
                            std::to_string(config.longest_sequence()) + " (max_position_embeddings)",
                        "--tokens", "Give fewer tokens.");
    for (const std::int32_t token : arguments.tokens)
        if (token < 0 || token >= config.vocab_size)
            throw bad_input("Token id " + std::to_string(token) + " is outside the vocabulary of " +
                                std::to_string(config.vocab_size),
                            "--tokens", "Give ids of this model's tokenizer.");
    const std::vector<float> logits = model.transformer().logits(model.view(), arguments.tokens);
    write_safetensors(
        arguments.out,
        {{"logits", FileDType::f32, {count, config.vocab_size}, std::as_bytes(std::span(logits))}},
        {{"format", "wishbone-logits"}});
}

}  // namespace wishbone
