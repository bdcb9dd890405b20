#include "report/trainer_state.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <utility>

namespace wishbone {

namespace {

using Json = nlohmann::ordered_json;

/// Evaluations stand behind the step they follow.
using Entries = std::map<std::pair<std::int64_t, bool>, Json>;

Entries entries_of(const std::filesystem::path& events_file, std::int64_t steps_done) {
    Entries entries;
    std::ifstream in(events_file, std::ios::binary);
    std::string line;
    while (std::getline(in, line)) {
        Json event = Json::parse(line, nullptr, false);
        if (!event.is_object()) continue;
        const std::string type = event.value("type", "");
        const auto step = event.find("step");
        if ((type != "step" && type != "eval") || step == event.end() || !step->is_number_integer()) continue;
        const auto number = step->get<std::int64_t>();
        if (number > steps_done) continue;
        for (const char* name : {"seq", "time", "type", "steps"}) event.erase(name);
        entries[{number, type == "eval"}] = std::move(event);
    }
    return entries;
}

}  // namespace

Json trainer_state(const std::filesystem::path& events_file, const TrainerStateFacts& facts) {
    const auto& [steps_done, steps, best_step, best_metric, eval_steps, save_steps] = facts;
    const Entries entries = entries_of(events_file, steps_done);
    Json history = Json::array();
    double epoch = 0, tokens = 0, flops = 0, pairs = 0;
    for (const auto& [key, entry] : entries) {
        history.push_back(entry);
        if (key.second) continue;
        const auto number = [&](const char* name) {
            const auto found = entry.find(name);
            return found != entry.end() && found->is_number() ? found->get<double>() : 0.0;
        };
        epoch = number("epoch");
        tokens += number("tokens");
        flops += number("flops");
        pairs = std::max(pairs, number("pairs"));
    }
    char checkpoint[32] = "";
    if (best_step)
        std::snprintf(checkpoint, sizeof checkpoint, "checkpoints/step-%06lld", static_cast<long long>(*best_step));
    return {{"best_global_step", best_step ? Json(*best_step) : Json(nullptr)},
            {"best_metric", best_step ? Json(best_metric) : Json(nullptr)},
            {"best_model_checkpoint", best_step ? Json(checkpoint) : Json(nullptr)},
            {"epoch", epoch},
            {"eval_steps", eval_steps},
            {"global_step", steps_done},
            {"is_hyper_param_search", false},
            {"is_local_process_zero", true},
            {"is_world_process_zero", true},
            {"log_history", std::move(history)},
            {"logging_steps", 1},
            {"max_steps", steps},
            {"num_input_tokens_seen", static_cast<std::int64_t>(tokens)},
            {"num_train_epochs", static_cast<std::int64_t>(epoch * static_cast<double>(steps) /
                                                               static_cast<double>(std::max<std::int64_t>(steps_done, 1)) +
                                                           0.5)},
            {"save_steps", save_steps},
            {"stateful_callbacks", Json::object()},
            {"total_flos", flops},
            {"train_batch_size", static_cast<std::int64_t>(pairs)},
            {"trial_name", nullptr},
            {"trial_params", nullptr}};
}

}  // namespace wishbone
