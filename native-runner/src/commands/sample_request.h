#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/json.h"
#include "model/config.h"
#include "model/generation/generate.h"

namespace wishbone {

/// How prompts are completed, of a request's fields `max_new_tokens`, `temperature`, `top_p` and `seed`; defaults as in SamplingOptions.
/// Throws Error(bad_input) naming the field.
SamplingOptions read_sampling(JsonFields& fields);

/// A list of token ids. Throws Error(bad_input) naming `where` for anything else, and for ids that the model does not have.
std::vector<std::int32_t> read_tokens(const nlohmann::ordered_json& list, const ModelConfig& config,
                                      const std::string& where);

/// Throws Error(bad_input) naming `where` for an empty prompt, and one that leaves no room for its completion.
void check_prompt(const std::vector<std::int32_t>& prompt, const SamplingOptions& options,
                  const ModelConfig& config, const std::string& where);

}  // namespace wishbone
