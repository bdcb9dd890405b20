#include "pretrained/lora_fields.h"

#include <string>

namespace wishbone {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t most_rank = 4096;
constexpr double most_alpha = 1e6;

void read_targets(JsonFields& fields, const char* name, LoraConfig& lora) {
    const Json targets = fields.any(name);
    if (targets.is_null()) return;
    const auto refuse = [&](const char* what) {
        return bad_input(
            what, fields.where(name),
            "Give a list of names such as [\"q_proj\", \"v_proj\"], or \"all-linear\", or a regular "
            "expression.");
    };
    lora.target_modules.clear();
    if (targets.is_string()) {
        const auto text = targets.get<std::string>();
        if (text.empty()) throw refuse("The text is empty");
        if (text == "all-linear")
            lora.target_modules = {text};
        else
            lora.target_pattern = text;
        return;
    }
    if (!targets.is_array() || targets.empty()) throw refuse("Expected a list of names or a text");
    for (const Json& target : targets) {
        if (!target.is_string() || target.get<std::string>().empty())
            throw refuse("A name in the list is no text or empty");
        lora.target_modules.push_back(target.get<std::string>());
    }
}

template <typename Value, typename Check>
std::vector<std::pair<std::string, Value>> read_patterns(JsonFields& fields, const char* name, Check good,
                                                         const char* advice) {
    std::vector<std::pair<std::string, Value>> patterns;
    const Json all = fields.any(name);
    if (all.is_null()) return patterns;
    if (!all.is_object())
        throw bad_input("Expected an object of patterns and numbers", fields.where(name), advice);
    for (const auto& [pattern, value] : all.items()) {
        if (!good(value))
            throw bad_input("The number of \"" + pattern + "\" is out of range", fields.where(name), advice);
        patterns.emplace_back(pattern, value.template get<Value>());
    }
    return patterns;
}

}  // namespace

LoraConfig read_lora_fields(JsonFields& fields, const LoraFieldNames& names) {
    LoraConfig lora;
    lora.r = fields.integer(names.r, 1, most_rank, lora.r);
    lora.lora_alpha = fields.number(names.lora_alpha, above(0, most_alpha), lora.lora_alpha);
    lora.use_rslora = fields.boolean("use_rslora", false);
    read_targets(fields, names.target_modules, lora);
    lora.rank_pattern = read_patterns<std::int64_t>(
        fields, names.rank_pattern,
        [](const Json& value) { return value.is_number_integer() && value >= 1 && value <= most_rank; },
        "Ranks are whole numbers from 1 to 4096, for example { \"q_proj\": 32 }.");
    lora.alpha_pattern = read_patterns<double>(
        fields, names.alpha_pattern,
        [](const Json& value) { return value.is_number() && value > 0 && value <= most_alpha; },
        "Alphas are numbers above 0, for example { \"q_proj\": 64 }.");
    return lora;
}

}  // namespace wishbone
