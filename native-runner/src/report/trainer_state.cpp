#include "report/trainer_state.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <utility>

#include "io/event_lines.h"

namespace wishbone {

namespace {

using Json = nlohmann::ordered_json;

/// Evaluations stand behind the step they follow.
using Entries = std::map<std::pair<std::int64_t, bool>, Json>;

/// A step as this runner counts them.
bool is_count(const Json& value) {
    constexpr std::int64_t most = std::int64_t{1} << 53;
    return value.is_number_unsigned() && value.get<std::uint64_t>() <= static_cast<std::uint64_t>(most);
}

Entries entries_of(const std::filesystem::path& events_file, std::int64_t steps_done) {
    Entries entries;
    for_each_event(events_file, [&](Json&& event) {
        const auto type = event.find("type"), step = event.find("step");
        if (type == event.end() || !type->is_string() || step == event.end() || !is_count(*step)) return;
        const bool is_eval = *type == "eval";
        const auto number = step->get<std::int64_t>();
        if ((!is_eval && *type != "step") || number > steps_done) return;
        for (const char* name : {"seq", "time", "type", "steps"}) event.erase(name);
        entries[{number, is_eval}] = std::move(event);
    });
    return entries;
}

/// What a log says need not fit.
std::int64_t whole(double value) { return static_cast<std::int64_t>(std::clamp(value, -9e15, 9e15)); }

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
        std::snprintf(checkpoint, sizeof checkpoint, "checkpoints/step-%06lld",
                      static_cast<long long>(*best_step));
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
            {"num_input_tokens_seen", whole(tokens)},
            {"num_train_epochs", whole(epoch * static_cast<double>(steps) /
                                           static_cast<double>(std::max<std::int64_t>(steps_done, 1)) +
                                       0.5)},
            {"save_steps", save_steps},
            {"stateful_callbacks", Json::object()},
            {"total_flos", flops},
            {"train_batch_size", whole(pairs)},
            {"trial_name", nullptr},
            {"trial_params", nullptr}};
}

}  // namespace wishbone
