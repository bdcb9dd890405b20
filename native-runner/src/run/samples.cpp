#include "run/samples.h"

#include <algorithm>
#include <string>
#include <utility>

#include "io/json.h"
#include "model/key_value_cache.h"

namespace wishbone {

namespace {

/// Tokens that the row sees, itself last: the path from the root of its tree.
std::vector<std::int32_t> path_to(const BinView& bin, std::int32_t row) {
    std::vector<std::int32_t> tokens;
    for (std::int32_t key = 0; key <= row; ++key)
        if (bin.visible_until[static_cast<std::size_t>(key)] > row)
            tokens.push_back(bin.tokens[static_cast<std::size_t>(key)]);
    return tokens;
}

std::vector<std::vector<std::int32_t>> first_prompts(const Plan& plan, std::int64_t count) {
    std::vector<std::vector<std::int32_t>> prompts;
    const auto wanted = static_cast<std::size_t>(count);
    for (std::size_t pair = 0; pair < plan.pair_chosen.size() && prompts.size() < wanted; ++pair) {
        const std::int32_t sequence = plan.pair_chosen[pair];
        const BinView bin = plan.bin(plan.bin_of_sequence(sequence));
        std::int32_t first = -1;
        for (std::size_t target = 0; target < bin.target_row.size(); ++target) {
            if (bin.target_sequence[target] != sequence) continue;
            const std::int32_t row = bin.target_row[target];
            const auto position = [&](std::int32_t of) { return bin.position[static_cast<std::size_t>(of)]; };
            if (first < 0 || position(row) < position(first)) first = row;
        }
        if (first < 0) continue;
        std::vector<std::int32_t> prompt = path_to(bin, first);
        if (std::ranges::find(prompts, prompt) == prompts.end()) prompts.push_back(std::move(prompt));
    }
    return prompts;
}

}  // namespace

RunSamples::RunSamples(const Plan& plan, const TrainingOptions& options, std::int64_t seed,
                       std::int64_t longest, std::vector<std::int32_t> end_tokens)
    : prompts_(first_prompts(plan, options.sample_count)), longest_(longest) {
    options_.max_new_tokens = options.sample_max_new_tokens;
    options_.temperature = options.sample_temperature;
    options_.seed = seed;
    options_.end_tokens = std::move(end_tokens);
}

std::optional<nlohmann::ordered_json> RunSamples::complete(Backend& backend, Transformer& transformer,
                                                           const ModelView& model,
                                                           const StopRequested& stop) const {
    auto completions = nlohmann::ordered_json::array();
    for (const std::vector<std::int32_t>& prompt : prompts_) {
        SamplingOptions options = options_;
        options.max_new_tokens = room_after(prompt);
        completions.push_back(generate(backend, transformer, model, prompt, options, stop));
        if (stop()) return std::nullopt;
    }
    return nlohmann::ordered_json{{"prompts", prompts_}, {"completions", completions}};
}

std::int64_t RunSamples::room_after(const std::vector<std::int32_t>& prompt) const {
    const std::int64_t left = longest_ - static_cast<std::int64_t>(prompt.size());
    return std::clamp<std::int64_t>(left, 1, options_.max_new_tokens);
}

void RunSamples::rehearse(Backend& backend, Transformer& transformer, const ModelView& model) const {
    const auto longest = std::ranges::max_element(prompts_, {}, &std::vector<std::int32_t>::size);
    if (longest == prompts_.end()) return;
    const std::int64_t total = static_cast<std::int64_t>(longest->size()) + room_after(*longest);
    KeyValueCache cache(backend, transformer.config(), total);
    transformer.next_logits(model, cache, *longest);
    cache.length = cache.capacity() - 1;
    transformer.next_logits(model, cache, std::span(*longest).first(1));
}

std::vector<std::int32_t> end_tokens_of(const std::filesystem::path& model_folder) {
    for (const char* name : {"generation_config.json", "config.json"}) {
        const std::filesystem::path file = model_folder / name;
        if (!std::filesystem::exists(file)) continue;
        const auto json = parse_json(read_text(file), file.string());
        if (!json.is_object() || !json.contains("eos_token_id")) continue;
        const auto& eos = json["eos_token_id"];
        std::vector<std::int32_t> ids;
        for (const auto& id : eos.is_array() ? eos : nlohmann::ordered_json::array({eos}))
            if (id.is_number_integer() && id >= 0 && id < (std::int64_t{1} << 31))
                ids.push_back(id.get<std::int32_t>());
        if (!ids.empty()) return ids;
    }
    return {};
}

}  // namespace wishbone
