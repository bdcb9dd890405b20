#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "model/generation/generate.h"
#include "plan/plan.h"
#include "train/options/training_options.h"
#include "train/trainer.h"

namespace wishbone {

/// What a run's models are asked to complete while it goes on, so that people see what training does to the text.
class RunSamples {
  public:
    /// Prompts are the first different ones of `plan`, `options.sample_count` at most. A completion ends at one of
    /// `end_tokens`, after `options.sample_max_new_tokens`, or where its sequence would be longer than `longest`, for
    /// which positions are laid out.
    RunSamples(const Plan& plan, const TrainingOptions& options, std::int64_t seed, std::int64_t longest,
               std::vector<std::int32_t> end_tokens);

    /// The fields `prompts` and `completions`, lists of lists of token ids; nothing when stopped. The same model gives
    /// the same completions, drawn ones too.
    std::optional<nlohmann::ordered_json> complete(Backend& backend, Transformer& transformer,
                                                   const ModelView& model, const StopRequested& stop) const;

    /// Takes the memory that the longest completion takes, for a backend that counts.
    void rehearse(Backend& backend, Transformer& transformer, const ModelView& model) const;

  private:
    /// New tokens that a completion of the prompt has room for.
    std::int64_t room_after(const std::vector<std::int32_t>& prompt) const;

    std::vector<std::vector<std::int32_t>> prompts_;
    SamplingOptions options_;
    std::int64_t longest_;
};

/// Ids that end a text, by the `eos_token_id` (one or several) of a model folder's generation_config.json, else of its
/// config.json; none where neither says. Throws Error(bad_input) for a file that is no JSON.
std::vector<std::int32_t> end_tokens_of(const std::filesystem::path& model_folder);

}  // namespace wishbone
