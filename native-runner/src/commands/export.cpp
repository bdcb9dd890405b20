#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "commands/commands.h"
#include "core/error.h"
#include "io/atomic_file.h"
#include "io/event_lines.h"
#include "io/json.h"
#include "model/lora.h"
#include "model/parameters.h"
#include "pretrained/model_config.h"
#include "pretrained/model_export.h"
#include "report/model_card.h"
#include "run/checkpoint/checkpoint.h"
#include "run/export.h"
#include "run/result.h"

namespace wishbone {

namespace {

using Fields = nlohmann::ordered_json;

/// What the newest `start` event of a run says that it ran on, and how many steps it has.
struct Start {
    std::string device = "an unknown device";
    std::int64_t steps;
};

Start newest_start(const std::filesystem::path& events_file, std::int64_t steps) {
    Start start{.steps = steps};
    for_each_event(events_file, [&](Fields&& event) {
        const auto type = event.find("type");
        if (type == event.end() || *type != "start") return;
        start = {.steps = steps};
        if (const auto device = event.find("device"); device != event.end() && device->is_string())
            start.device = device->get<std::string>();
        if (const auto count = event.find("steps"); count != event.end() && count->is_number_unsigned())
            start.steps = static_cast<std::int64_t>(
                std::min<std::uint64_t>(count->get<std::uint64_t>(), std::uint64_t{1} << 52));
    });
    return start;
}

}  // namespace

void export_command(const ExportArguments& arguments) {
    const std::filesystem::path& folder = arguments.run_folder;
    const RunConfig config = RunConfig::read(folder);
    const std::filesystem::path weights = weights_file(folder, arguments.step);
    const ModelConfig model = read_model_config(config.model);
    const std::vector<LoraModule> modules = adapter_modules(folder, model, config.training);
    // Nothing is computed but a merge, in f32: where the run trained makes no difference.
    const auto backend = make_backend({"cpu", config.backend.threads, {}});
    std::error_code error;
    if (arguments.out.has_parent_path())
        std::filesystem::create_directories(arguments.out.parent_path(), error);
    if (error) throw cannot_write(error.value(), arguments.out);
    const auto write = [&](NamedTensors& trained) {
        read_parameters(weights, *backend, {{"", &trained}});
        export_trained({config, model, modules}, {*backend, trained}, arguments.out, std::nullopt);
    };
    if (config.training.lora) {
        Lora adapter(*backend, model, modules, DType::f32);
        write(adapter);
    } else {
        Parameters parameters(*backend, model, DType::f32);
        write(parameters);
    }
    const Start start = newest_start(folder / "events.jsonl", arguments.step);
    const auto checkpoint = newest_checkpoint(folder);
    const Fields state =
        trainer_state_of(folder, config.training, checkpoint ? checkpoint->state.best : BestModel(),
                         arguments.step, start.steps);
    const std::string file = (folder / "run.json").string();
    const ModelCardFacts facts = {start.device, config.training.lora && !config.training.merge_adapter,
                                  arguments.step};
    write_text(arguments.out / "README.md", model_card(parse_json(read_text(file), file), state, facts));
    std::printf("%s\n", arguments.out.c_str());
}

}  // namespace wishbone
