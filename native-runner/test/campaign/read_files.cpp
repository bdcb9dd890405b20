// Reads files as the runner would, for `npm run campaign`: each line of standard input is a reader, a tab and a path. One
// line is answered for each: `ok`, `refused` (an Error of the runner's own), or `fault` and what was thrown instead.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <string>

#include "core/error.h"
#include "io/event_lines.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "model/lora_config.h"
#include "plan/plan.h"
#include "pretrained/adapter.h"
#include "pretrained/model_config.h"
#include "pretrained/model_weights.h"
#include "report/model_card.h"
#include "report/trainer_state.h"
#include "run/checkpoint/checkpoint.h"
#include "run/config/run_config.h"
#include "run/event_log.h"

namespace {

using namespace wishbone;
namespace fs = std::filesystem;

void read_weights(const fs::path& file) {
    const SafetensorsFile tensors(file);
    for (const auto& [name, tensor] : tensors.tensors())
        if (tensor.dtype != FileDType::other && tensor.size() < (1 << 22)) {
            std::vector<float> values(static_cast<std::size_t>(tensor.size()));
            try {
                to_float(tensor, values);
            } catch (const Error&) {
                // Whole numbers are no weights.
            }
        }
}

const std::map<std::string, std::function<void(const fs::path&)>> readers = {
    {"safetensors", read_weights},
    {"plan", [](const fs::path& file) { Plan::read(file); }},
    {"run.json", [](const fs::path& file) { RunConfig::read(file.parent_path()); }},
    {"config.json", [](const fs::path& file) { linear_modules(read_model_config(file.parent_path())); }},
    {"weights",
     [](const fs::path& file) { ModelWeights(file.parent_path(), read_model_config(file.parent_path())); }},
    {"adapter",
     [](const fs::path& file) {
         const fs::path folder = file.parent_path();
         const ModelConfig model = read_model_config(folder / "base");
         AdapterWeights(folder, lora_modules(model, read_adapter_config(folder), file.string()));
     }},
    {"checkpoint",
     [](const fs::path& file) { newest_checkpoint(file.parent_path().parent_path().parent_path()); }},
    {"events",
     [](const fs::path& file) {
         EventLog log(file);
         log.write("step", {{"step", 1}});
         const auto state = trainer_state(file, {.steps_done = 4, .steps = 8});
         model_card({{"id", "a"}, {"name", "b"}}, state, {"cpu", false, 4});
         if (state.dump().empty()) throw std::runtime_error("no state");
     }},
};

}  // namespace

int main() {
    std::string line;
    while (std::getline(std::cin, line)) {
        const auto tab = line.find('\t');
        std::string answer = "ok";
        try {
            readers.at(line.substr(0, tab))(line.substr(tab + 1));
        } catch (const Error& error) {
            answer = error.what() == std::string() || error.where().empty() || error.advice().empty()
                         ? "fault an error without words"
                         : "refused";
        } catch (const std::exception& error) {
            answer = std::string("fault ") + error.what();
        }
        std::printf("%s\n", answer.c_str());
        std::fflush(stdout);
    }
}
