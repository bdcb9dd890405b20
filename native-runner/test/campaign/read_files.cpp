// Reads files as the runner would, for `npm run campaign`. Each line of standard input asks for a batch, in fields with tabs
// between: a reader, the file that holds an input, the path to read it at, a seed, and how many variants of it to read, the
// input itself being the first. What is read is written to the path before: when the process ends, it is there.
// One line is answered for each: `done`, or `fault`, and then in fields with tabs between how many were read, how many of
// them were refused (an Error of the runner's own), microseconds of the slowest, kilobytes of the process at most, and
// microseconds of a processor that all of it took; for a fault what was thrown instead, by the one that was read last.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
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
#include "variants.h"

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

enum class Outcome { ok, refused, fault };

/// What comes of a file; for a fault `what` says it.
Outcome read(const std::string& reader, const fs::path& file, std::string& what) {
    try {
        readers.at(reader)(file);
        return Outcome::ok;
    } catch (const Error& error) {
        if (error.what() != std::string() && !error.where().empty() && !error.advice().empty())
            return Outcome::refused;
        what = "an error without words";
    } catch (const std::exception& error) {
        what = error.what();
    }
    return Outcome::fault;
}

std::string contents(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

rusage used() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage;
}

long microseconds(const rusage& usage) {
    return 1'000'000 * (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

/// A batch, and the line that answers it.
std::string answer(const std::string& line) {
    std::istringstream fields(line);
    std::string reader, input, path, seed, times;
    for (std::string* field : {&reader, &input, &path, &seed, &times}) std::getline(fields, *field, '\t');
    const long before = microseconds(used());
    const campaign::Variants variants(contents(input));
    std::size_t done = 0, refused = 0;
    long slowest = 0;
    std::string what;
    for (const std::size_t all = std::stoul(times); done < all && what.empty(); done++) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << variants.make(std::stoull(seed), done);
        const auto begin = std::chrono::steady_clock::now();
        if (read(reader, path, what) == Outcome::refused) refused++;
        const auto took = std::chrono::steady_clock::now() - begin;
        slowest =
            std::max<long>(slowest, std::chrono::duration_cast<std::chrono::microseconds>(took).count());
    }
    // One line it is, whatever an error says.
    std::replace(what.begin(), what.end(), '\n', ' ');
    std::ostringstream out;
    out << (what.empty() ? "done" : "fault") << '\t' << done << '\t' << refused << '\t' << slowest << '\t'
        << used().ru_maxrss << '\t' << microseconds(used()) - before;
    if (!what.empty()) out << '\t' << what;
    return out.str();
}

}  // namespace

int main() {
    std::string line;
    while (std::getline(std::cin, line)) {
        std::printf("%s\n", answer(line).c_str());
        std::fflush(stdout);
    }
}
