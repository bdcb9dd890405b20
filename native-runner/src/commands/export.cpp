#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "commands/commands.h"
#include "core/error.h"
#include "io/atomic_file.h"
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

/// The newest `start` event of a run: what it ran on and how many steps it has.
Fields newest_start(const std::filesystem::path& events_file) {
    std::ifstream in(events_file, std::ios::binary);
    std::string line;
    Fields start = Fields::object();
    while (std::getline(in, line)) {
        // Most lines are steps: only the few that may be one are read as JSON.
        if (line.find("\"type\":\"start\"") == std::string::npos) continue;
        Fields event = Fields::parse(line, nullptr, false);
        if (event.is_object() && event.value("type", "") == "start") start = std::move(event);
    }
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
    const auto write = [&](NamedTensors& trained) {
        read_parameters(weights, *backend, {{"", &trained}});
        export_trained({config, model, modules}, *backend, trained, arguments.out, std::nullopt);
    };
    if (config.training.lora) {
        Lora adapter(*backend, model, modules, DType::f32);
        write(adapter);
    } else {
        Parameters parameters(*backend, model, DType::f32);
        write(parameters);
    }
    const Fields start = newest_start(folder / "events.jsonl");
    const auto checkpoint = newest_checkpoint(folder);
    const Fields state = trainer_state_of(folder, config.training, checkpoint ? checkpoint->state.best : BestModel(),
                                          arguments.step, start.value("steps", arguments.step));
    const std::string file = (folder / "run.json").string();
    const ModelCardFacts facts = {start.value("device", std::string("an unknown device")),
                                  config.training.lora && !config.training.merge_adapter, arguments.step};
    write_text(arguments.out / "README.md", model_card(parse_json(read_text(file), file), state, facts));
    std::printf("%s\n", arguments.out.c_str());
}

}  // namespace wishbone
