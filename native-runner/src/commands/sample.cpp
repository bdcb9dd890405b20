#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "commands/commands.h"
#include "commands/loaded_model.h"
#include "commands/sample_request.h"
#include "core/error.h"
#include "io/json.h"
#include "model/generation/generate.h"

namespace wishbone {

void sample_command(const SampleArguments& arguments) {
    const std::string file = arguments.request.string();
    const auto json = parse_json(read_text(arguments.request), file);
    JsonFields fields(json, file, "");
    SamplingOptions options = read_sampling(fields);
    const auto prompts_json = fields.any("prompts"), end_tokens = fields.any("end_tokens");
    const bool also_below = fields.boolean("also_below", false);
    fields.no_others();
    if (also_below && arguments.adapter.empty())
        throw bad_input("There is no adapter, and so no model below it", fields.where("also_below"),
                        "Remove it, or give an adapter.");
    if (!prompts_json.is_array() || prompts_json.empty())
        throw bad_input("There is no prompt", fields.where("prompts"), "Give a list of lists of token ids.");

    LoadedModel model(arguments.model, arguments.backend, arguments.adapter);
    const ModelConfig& config = model.config();
    if (!end_tokens.is_null())
        options.end_tokens = read_tokens(end_tokens, config, fields.where("end_tokens"));
    std::vector<std::vector<std::int32_t>> prompts;
    std::int64_t longest = 0;
    for (const auto& list : prompts_json) {
        const std::string where = fields.where("prompts") + "[" + std::to_string(prompts.size()) + "]";
        prompts.push_back(read_tokens(list, config, where));
        check_prompt(prompts.back(), options, config, where);
        longest =
            std::max(longest, static_cast<std::int64_t>(prompts.back().size()) + options.max_new_tokens);
    }
    model.transformer().expect_length(longest);
    const auto complete = [&](const ModelView& view, bool is_below) {
        for (std::size_t i = 0; i < prompts.size(); ++i) {
            nlohmann::ordered_json line = {{"prompt", i},
                                           {"tokens", generate(model.backend(), model.transformer(), view,
                                                               prompts[i], options, [] { return false; })}};
            if (is_below) line["adapter"] = false;
            std::printf("%s\n", line.dump().c_str());
            std::fflush(stdout);
        }
    };
    complete(model.view(), false);
    if (also_below) complete(model.base(), true);
}

}  // namespace wishbone
